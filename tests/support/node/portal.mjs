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

async function configure(connection) {
  const { private_key: key, secret } = connection
  const authentication = key
    ? oidc.PrivateKeyJwt({ key: await jose.importJWK(key, key.alg), kid: key.kid })
    : oidc.ClientSecretBasic(secret)
  const metadata = { id_token_signed_response_alg: connection.id_token_alg, [oidc.clockSkew]: connection.clock }
  return oidc.discovery(new URL(connection.issuer), connection.client_id, metadata, authentication, {
    execute: [oidc.allowInsecureRequests],
  })
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
    this.people.set(browser, { checks })
    return { location: oidc.buildAuthorizationUrl(await this.configuration, asked).href }
  }

  async callback(url, browser) {
    const configuration = await this.configuration
    const tokens = await oidc.authorizationCodeGrant(configuration, url, this.people.get(browser).checks)
    const claims = tokens.claims()
    const person = await oidc.fetchUserInfo(configuration, tokens.access_token, claims.sub)
    this.people.set(browser, { tokens, claims })
    return { json: { claims, person } }
  }

  me(_, browser) {
    const here = this.people.get(browser)
    return here?.tokens ? { json: here.claims } : { status: 401, json: {} }
  }

  async refresh(_, browser) {
    const here = this.people.get(browser)
    const before = here.tokens.refresh_token
    here.tokens = await oidc.refreshTokenGrant(await this.configuration, before)
    const person = await oidc.fetchUserInfo(await this.configuration, here.tokens.access_token, here.claims.sub)
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
