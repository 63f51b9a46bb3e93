// A program that signs people in with us, by the independent openid-client. Told by one JSON
// argument; prints one line of JSON for each step, {"open": URL} where a person has to go
// somewhere, and then reads from stdin the address that they were sent back to.
//
//   issuer        where our server is
//   client_id, client_secret, redirect_uri, scope
//   pushed        whether the request is pushed (RFC 9126)
//   dpop          whether the tokens are to be bound to a key (RFC 9449)
//   device        whether it has no browser, and shows a code instead (RFC 8628): then it prints
//                 {"open": URL, "user_code": CODE}, and goes on when it reads any line
import { createInterface } from 'node:readline';

const oidc = await import(`${process.env.PEERS}/openid-client/build/index.js`);
const told = JSON.parse(process.argv[2]);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (result) => console.log(JSON.stringify(result));

const authentication = told.client_secret ? oidc.ClientSecretBasic(told.client_secret) : oidc.None();
const config = await oidc.discovery(new URL(told.issuer), told.client_id, {}, authentication, {
  algorithm: 'oauth2',
  execute: [oidc.allowInsecureRequests],
});
say({ step: 'discovery', metadata: config.serverMetadata() });

const pair = told.dpop ? await oidc.randomDPoPKeyPair() : undefined;
const options = pair ? { DPoP: oidc.getDPoPHandle(config, pair) } : {};

async function begin() {
  const verifier = oidc.randomPKCECodeVerifier();
  const state = oidc.randomState();
  const asked = {
    redirect_uri: told.redirect_uri,
    scope: told.scope,
    state,
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  };
  const url = told.pushed
    ? await oidc.buildAuthorizationUrlWithPAR(config, asked, options)
    : oidc.buildAuthorizationUrl(config, asked);
  say({ open: url.href });
  const back = new URL((await lines.next()).value);
  return { back, checks: { pkceCodeVerifier: verifier, expectedState: state } };
}

async function refused(work) {
  try {
    await work();
  } catch (error) {
    return { code: error.code, error: error.error };
  }
  return null;
}

async function me(token) {
  const url = new URL('/v1/me', told.issuer);
  const answer = await oidc.fetchProtectedResource(
    config, token, url, 'GET', undefined, undefined, options,
  );
  return { status: answer.status, body: await answer.json() };
}

async function device() {
  const begun = await oidc.initiateDeviceAuthorization(config, { scope: told.scope });
  say({ step: 'device', complete: begun.verification_uri_complete ?? null, interval: begun.interval });
  say({ open: begun.verification_uri, user_code: begun.user_code });
  await lines.next();
  return begun;
}

if (told.device) {
  const wanted = await device();
  const given = await oidc.pollDeviceAuthorizationGrant(config, wanted, undefined, options);
  say({ step: 'code', type: given.token_type, scope: given.scope, expires_in: given.expires_in });
  say({ step: 'use', ...(await me(given.access_token)) });
  const next = await oidc.refreshTokenGrant(config, given.refresh_token, undefined, options);
  say({ step: 'refresh', other: next.refresh_token !== given.refresh_token, ...(await me(next.access_token)) });
  const again = await refused(() =>
    oidc.pollDeviceAuthorizationGrant(config, { ...wanted, interval: 1 }, undefined, options));
  say({ step: 'replay', refused: again });
  const unwanted = await device();
  const no = await refused(() =>
    oidc.pollDeviceAuthorizationGrant(config, unwanted, undefined, options));
  say({ step: 'refusal', refused: no });
  process.exit(0);
}

for (const iss of ['https://evil.example', undefined]) {
  const { back, checks } = await begin();
  back.searchParams.delete('iss');
  if (iss) back.searchParams.set('iss', iss);
  const error = await refused(() => oidc.authorizationCodeGrant(config, back, checks, undefined, options));
  say({ step: 'iss', iss: iss ?? null, refused: error });
}

const { back, checks } = await begin();
const tokens = await oidc.authorizationCodeGrant(config, back, checks, undefined, options);
say({ step: 'code', type: tokens.token_type, scope: tokens.scope, expires_in: tokens.expires_in });
say({ step: 'use', ...(await me(tokens.access_token)) });

const renewed = await oidc.refreshTokenGrant(config, tokens.refresh_token, undefined, options);
say({ step: 'refresh', other: renewed.refresh_token !== tokens.refresh_token, ...(await me(renewed.access_token)) });

say({ step: 'introspection', told: await oidc.tokenIntrospection(config, renewed.access_token) });
await oidc.tokenRevocation(config, renewed.refresh_token);
say({ step: 'revocation', told: await oidc.tokenIntrospection(config, renewed.access_token) });
const over = await refused(() => oidc.refreshTokenGrant(config, renewed.refresh_token, undefined, options));
const gone = await refused(() => me(renewed.access_token));
say({ step: 'over', refresh: over, use: gone });

const first = await begin();
await oidc.authorizationCodeGrant(config, first.back, first.checks, undefined, options);
const replay = await refused(() =>
  oidc.authorizationCodeGrant(config, first.back, first.checks, undefined, options));
say({ step: 'replay', refused: replay });
process.exit(0);
