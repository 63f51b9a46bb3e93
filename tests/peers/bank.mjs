// A bank by the certified oidc-provider. Told by one JSON argument; prints one line when it serves.
//
//   client      the metadata of the one client; its id is "us"
//   fapi        whether that client is held to FAPI 2.0
//   pushed      whether what is asked for must be pushed
//   nonces      whether DPoP proofs must carry the server's own nonce
//   lives       seconds that an access token lives
//   tls         {key, cert, ca}: PEM; then it serves TLS, and a second port asks for certificates
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { generateKeyPairSync, randomBytes } from 'node:crypto';

const { default: Provider } = await import(`${process.env.PEERS}/oidc-provider/lib/index.js`);
const told = JSON.parse(process.argv[2]);
const counted = {};

function serve(asksForCertificate) {
  const tls = told.tls && { ...told.tls, requestCert: asksForCertificate, rejectUnauthorized: asksForCertificate };
  const server = tls ? createSecureServer(tls) : createServer();
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

const doors = [await serve(false)];
if (told.tls) doors.push(await serve(true));
const scheme = told.tls ? 'https' : 'http';
const [issuer, strict] = doors.map((door) => `${scheme}://127.0.0.1:${door.address().port}`);

function signingKey() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256' };
}

function shown(ctx) {
  const certificate = ctx.req.socket.getPeerX509Certificate?.();
  return certificate ? certificate.toString() : undefined;
}

const provider = new Provider(issuer, {
  clients: [
    { response_types: ['code'], grant_types: ['authorization_code', 'refresh_token'],
      id_token_signed_response_alg: 'ES256', ...told.client, client_id: 'us' },
    { client_id: 'inspector', client_secret: 'only-for-this-test', redirect_uris: [],
      response_types: [], grant_types: [], id_token_signed_response_alg: 'ES256' },
  ],
  jwks: { keys: [signingKey()] },
  cookies: { keys: [randomBytes(32).toString('hex')] },
  scopes: ['openid', 'offline_access', 'accounts'],
  clientAuthMethods: ['none', 'client_secret_basic', 'private_key_jwt',
    ...(told.tls ? ['tls_client_auth', 'self_signed_tls_client_auth'] : [])],
  discovery: strict ? { mtls_endpoint_aliases: {
    token_endpoint: `${strict}/token`,
    revocation_endpoint: `${strict}/token/revocation`,
    pushed_authorization_request_endpoint: `${strict}/request`,
  } } : {},
  findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  issueRefreshToken: () => true,
  rotateRefreshToken: true,
  ttl: { AccessToken: told.lives ?? 600, AuthorizationCode: 60, RefreshToken: 86400, Grant: 86400, Session: 86400, Interaction: 600, IdToken: 600 },
  features: {
    devInteractions: { enabled: true },
    revocation: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: !!told.pushed },
    dPoP: { enabled: true, nonceSecret: told.nonces ? randomBytes(32) : undefined, requireNonce: () => !!told.nonces },
    mTLS: { enabled: !!told.tls, certificateBoundAccessTokens: true, selfSignedTlsClientAuth: true, tlsClientAuth: true,
      getCertificate: shown, certificateAuthorized: (ctx) => ctx.req.socket.authorized,
      certificateSubjectMatches: (ctx, kind, expected) => ctx.req.socket.getPeerX509Certificate().subject === expected },
    fapi: { enabled: true, profile: (ctx, client) => (told.fapi && client?.clientId === 'us' ? '2.0' : undefined) },
  },
});

// What was asked of it, for tests that count: GET /counted.
provider.use(async (ctx, next) => {
  if (ctx.path === '/counted') { ctx.body = counted; return; }
  await next();
  const name = `${ctx.path} ${ctx.status}`;
  counted[name] = (counted[name] ?? 0) + 1;
});
provider.on('server_error', (ctx, error) => console.error(error));
for (const door of doors) door.on('request', provider.callback());
console.log(JSON.stringify({ issuer, strict }));
