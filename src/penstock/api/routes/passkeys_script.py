"""What our pages run: it hands a passkey's options to the browser, and its answer to the form."""

from typing import Final

from starlette.responses import Response

from penstock.api.auth import open_to_all
from penstock.api.routing import nouns

PATH: Final = "/passkeys.js"

_SCRIPT: Final = """"use strict";
const bytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\\+/g, "-").replace(/\\//g, "_").replace(/=/g, "");
const known = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));

async function create(options) {
  const made = await navigator.credentials.create({ publicKey: {
    ...options,
    challenge: bytes(options.challenge),
    user: { ...options.user, id: bytes(options.user.id) },
    excludeCredentials: known(options.excludeCredentials),
  } });
  return { made, response: { attestationObject: text(made.response.attestationObject) } };
}

async function get(options) {
  const made = await navigator.credentials.get({ publicKey: {
    ...options,
    challenge: bytes(options.challenge),
    allowCredentials: known(options.allowCredentials),
  } });
  const { authenticatorData, signature, userHandle } = made.response;
  return { made, response: {
    authenticatorData: text(authenticatorData),
    signature: text(signature),
    userHandle: userHandle ? text(userHandle) : null,
  } };
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const work = form.dataset.does === "create" ? create : get;
    try {
      const { made, response } = await work(JSON.parse(form.dataset.passkey));
      form.elements.passkey.value = JSON.stringify({
        id: made.id,
        rawId: text(made.rawId),
        type: made.type,
        response: { ...response, clientDataJSON: text(made.response.clientDataJSON) },
      });
      form.submit();
    } catch (error) {
      form.querySelector("output").textContent = `That did not work: ${error.message}`;
    }
  });
}
"""

router = nouns("sign in", prefix="")


@router.get(
    PATH, include_in_schema=False, dependencies=[open_to_all("it is the same for everybody")]
)
async def passkeys_script() -> Response:
    """Return the script."""
    return Response(_SCRIPT, media_type="text/javascript")
