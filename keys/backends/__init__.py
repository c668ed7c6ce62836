"""Where private keys live: one module for each kind of place, all of them `keys.jose.Signer`."""
