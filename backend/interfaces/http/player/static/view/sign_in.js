// The form of a sign-in by token, where the browser has no login to Label Studio. Of both pages.

import { html, useState } from "../vendor/htm-preact.js";

/** @param {{onToken: (token: string) => void}} props */
export function SignInForm({ onToken }) {
  const [token, setToken] = useState("");
  const signIn = (/** @type {Event} */ event) => {
    event.preventDefault();
    onToken(token.trim());
  };
  return html`
    <form class="sign-in" onSubmit=${signIn}>
      <p>Tokens are in Label Studio under Account & Settings. After a login in this browser, reload the page.</p>
      <label>Token <input type="password" autocomplete="off" value=${token} required
        onInput=${(/** @type {Event} */ { target }) => setToken(/** @type {HTMLInputElement} */ (target).value)} /></label>
      <button class="strong">Sign in</button>
    </form>`;
}
