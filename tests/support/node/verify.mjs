// Verifies tokens as a portal written in JavaScript does. Reads from standard input
//   {"issuer", "now", "cases": [{"token", "jwks", "algorithm", "type", "audience", "private_jwk"}]}
// and writes for each case {"claims", "header", "by", "thumbprints", "envelope"} or {"refused"}; `by` names who verified
// it. With a `private_jwk` the token is encrypted for it, and `envelope` is the header of the encryption.
//
// jose does it with the cryptography of Node; where that has no ML-DSA yet (before Node 24), @noble/post-quantum does,
// which is written in JavaScript throughout.
import { webcrypto } from 'node:crypto'

globalThis.crypto ??= webcrypto // Node 18 hides it behind a flag
const jose = await import('jose')
const { ml_dsa65 } = await import('@noble/post-quantum/ml-dsa.js')

const octets = (text) => new Uint8Array(Buffer.from(text, 'base64url'))
const object = (segment) => JSON.parse(Buffer.from(segment, 'base64url').toString('utf8'))

const nodeHasMlDsa = await jose.generateKeyPair('ML-DSA-65').then(
  () => true,
  () => false,
)

function verifyWithNoble(token, jwks, expected) {
  const [head, body, signature] = token.split('.')
  const header = object(head)
  if (header.alg !== 'ML-DSA-65' || header.typ !== expected.type) throw new Error('another kind of token')
  const key = jwks.keys.find((jwk) => jwk.kid === header.kid && jwk.kty === 'AKP' && jwk.alg === header.alg)
  if (!key) throw new Error('no such key')
  const message = new TextEncoder().encode(`${head}.${body}`)
  if (!ml_dsa65.verify(octets(signature), message, octets(key.pub))) throw new Error('the signature does not fit')
  const claims = object(body)
  if (claims.iss !== expected.issuer || ![claims.aud].flat().includes(expected.audience)) throw new Error('not for us')
  if (!(claims.exp > expected.now)) throw new Error('expired')
  return { claims, header, by: 'noble' }
}

async function verifyWithJose(token, jwks, expected) {
  const verified = await jose.jwtVerify(token, jose.createLocalJWKSet(jwks), {
    algorithms: [expected.algorithm],
    issuer: expected.issuer,
    audience: expected.audience,
    typ: expected.type,
    currentDate: new Date(expected.now * 1000),
  })
  return { claims: verified.payload, header: verified.protectedHeader, by: 'jose' }
}

async function opened(token, privateJwk) {
  if (!privateJwk) return { token, envelope: {} }
  const key = await jose.importJWK(privateJwk, jose.decodeProtectedHeader(token).alg)
  const { plaintext, protectedHeader } = await jose.compactDecrypt(token, key)
  return { token: new TextDecoder().decode(plaintext), envelope: protectedHeader }
}

async function verify({ token: sent, jwks, private_jwk: privateJwk, ...expected }) {
  const answers = []
  let envelope
  try {
    const found = await opened(sent, privateJwk)
    const { token } = found
    envelope = found.envelope
    if (expected.algorithm === 'ML-DSA-65') answers.push(verifyWithNoble(token, jwks, expected))
    if (expected.algorithm !== 'ML-DSA-65' || nodeHasMlDsa) answers.push(await verifyWithJose(token, jwks, expected))
  } catch (error) {
    return { refused: error.code ?? error.message }
  }
  const thumbprints = await Promise.all(jwks.keys.map((jwk) => jose.calculateJwkThumbprint(jwk)))
  return { ...answers[0], by: answers.map((answer) => answer.by), thumbprints, envelope }
}

let input = ''
for await (const chunk of process.stdin.setEncoding('utf8')) input += chunk
const { cases, ...common } = JSON.parse(input)
const answers = []
for (const example of cases) answers.push(await verify({ ...common, ...example }))
process.stdout.write(JSON.stringify(answers))
