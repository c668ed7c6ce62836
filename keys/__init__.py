"""Keys: policy, storage, life and use of every private key and secret; the only room that knows JOSE."""
