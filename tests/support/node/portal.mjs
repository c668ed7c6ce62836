// Portals written with openid-client. Reads from standard input
//   {"port", "portals": {path: connection}}
// says "listening" when it is, and ends when it is told to. Each portal answers below its own path:
//   /login /callback /me /refresh /logout /backchannel
// and where the library fails, with status 502 and all that it says.
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import * as jose from 'jose'
import * as oidc from 'openid-client'

let input = ''
for await (const chunk of process.stdin) input += chunk
const { port, portals } = JSON.parse(input)
const EVENT = 'http://schemas.openid.net/event/backchannel-logout'

const SIGNING = 'fapi2_message_signing'

async function signingKey({ private_key: key }) {
  return { key: await jose.importJWK(key, key.alg), kid: key.kid }
}

async function configure(connection) {
  const authentication = connection.private_key
    ? oidc.PrivateKeyJwt(await signingKey(connection))
    : oidc.ClientSecretBasic(connection.secret)
  const metadata = { id_token_signed_response_alg: connection.id_token_alg, [oidc.clockSkew]: connection.clock }
  const configuration = await oidc.discovery(
    new URL(connection.issuer), connection.client_id, metadata, authentication, { execute: [oidc.allowInsecureRequests] },
  )
  if (connection.profile === SIGNING) oidc.useJwtResponseMode(configuration)
  return configuration
}

class Portal {
  constructor(connection) {
    this.connection = connection
    this.people = new Map()
  }

  get configuration() {
    this.found ??= configure(this.connection)
    return this.found
  }

  // A key of its own for each person's tokens; portals of the FAPI profiles prove it with every request.
  async proving() {
    if (!this.connection.profile.startsWith('fapi2')) return undefined
    return { DPoP: oidc.getDPoPHandle(await this.configuration, await oidc.randomDPoPKeyPair('ES256')) }
  }

  async address(asked, proof) {
    const configuration = await this.configuration
    if (!proof) return oidc.buildAuthorizationUrl(configuration, asked)
    if (this.connection.profile !== SIGNING) return oidc.buildAuthorizationUrlWithPAR(configuration, asked, proof)
    const signed = await oidc.buildAuthorizationUrlWithJAR(configuration, asked, await signingKey(this.connection))
    return oidc.buildAuthorizationUrlWithPAR(configuration, signed.searchParams, proof)
  }

  async login(_, browser) {
    const pkceCodeVerifier = oidc.randomPKCECodeVerifier()
    const checks = { expectedState: oidc.randomState(), expectedNonce: oidc.randomNonce() }
    const asked = {
      redirect_uri: this.connection.redirect_uri,
      scope: this.connection.scope,
      state: checks.expectedState,
      nonce: checks.expectedNonce,
    }
    if (this.connection.pkce) {
      checks.pkceCodeVerifier = pkceCodeVerifier
      asked.code_challenge = await oidc.calculatePKCECodeChallenge(pkceCodeVerifier)
      asked.code_challenge_method = 'S256'
    }
    const proof = await this.proving()
    const address = await this.address(asked, proof)
    this.people.set(browser, { checks, proof })
    return { location: address.href }
  }

  async callback(url, browser) {
    const configuration = await this.configuration
    const { checks, proof } = this.people.get(browser)
    const tokens = await oidc.authorizationCodeGrant(configuration, url, checks, undefined, proof)
    const claims = tokens.claims()
    const person = await oidc.fetchUserInfo(configuration, tokens.access_token, claims.sub, proof)
    this.people.set(browser, { tokens, claims, proof })
    return { json: { claims, person, token_type: tokens.token_type, came: [...url.searchParams.keys()] } }
  }

  me(_, browser) {
    const here = this.people.get(browser)
    return here?.tokens ? { json: here.claims } : { status: 401, json: {} }
  }

  async refresh(_, browser) {
    const here = this.people.get(browser)
    const configuration = await this.configuration
    const before = here.tokens.refresh_token
    const tokens = await oidc.refreshTokenGrant(configuration, before, undefined, here.proof)
    here.tokens = { id_token: here.tokens.id_token, refresh_token: before, ...tokens }
    const person = await oidc.fetchUserInfo(configuration, tokens.access_token, here.claims.sub, here.proof)
    return { json: { fresh: here.tokens.refresh_token !== before, person } }
  }

  async logout(_, browser) {
    const { tokens } = this.people.get(browser)
    this.people.delete(browser)
    const asked = { id_token_hint: tokens.id_token, post_logout_redirect_uri: this.connection.bye }
    return { location: oidc.buildEndSessionUrl(await this.configuration, asked).href }
  }

  // openid-client leaves logout tokens to jose.
  async backchannel(form) {
    const metadata = (await this.configuration).serverMetadata()
    const { payload } = await jose.jwtVerify(
      form.get('logout_token'),
      jose.createRemoteJWKSet(new URL(metadata.jwks_uri)),
      { issuer: metadata.issuer, audience: this.connection.client_id, typ: 'logout+jwt', requiredClaims: ['jti'] },
    )
    if (payload.nonce !== undefined || !payload.events[EVENT]) throw new Error('not a logout token')
    for (const [browser, here] of this.people) if (here.claims?.sid === payload.sid) this.people.delete(browser)
    return { json: {} }
  }
}

function told(error) {
  const { name, message, code, error: wire, error_description: description, cause } = error
  return [name, message, code, wire, description, cause instanceof Error ? told(cause) : JSON.stringify(cause)]
    .filter(Boolean)
    .join('\n')
}

async function body(request) {
  let text = ''
  for await (const chunk of request) text += chunk
  return new URLSearchParams(text)
}

const served = new Map(Object.entries(portals).map(([path, connection]) => [path, new Portal(connection)]))

createServer(async (request, response) => {
  const url = new URL(request.url, `http://localhost:${port}`)
  const [, path, action] = url.pathname.split('/')
  const browser = /browser=([\w-]+)/.exec(request.headers.cookie)?.[1] ?? randomUUID()
  let answer = { text: 'home' }
  try {
    if (action) answer = await served.get(path)[action](request.method === 'POST' ? await body(request) : url, browser)
  } catch (error) {
    answer = { status: 502, text: told(error) }
  }
  const headers = { 'set-cookie': `browser=${browser}; Path=/; HttpOnly; SameSite=Lax` }
  if (answer.location) headers.location = answer.location
  response.writeHead(answer.location ? 303 : (answer.status ?? 200), headers)
  response.end(answer.json ? JSON.stringify(answer.json) : answer.text)
}).listen(port, '127.0.0.1', () => console.log('listening'))
