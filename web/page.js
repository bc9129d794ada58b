// The page around the element: enter a number, and <cams-qr> shows its QR codes or says why not.

import "./cams-qr.js";
import { address, headers, parameters } from "./config.js";
import { pickLanguage, texts } from "./texts.js";

const language = pickLanguage(navigator.languages);
const text = texts[language];
const form = document.getElementById("search");
const input = document.getElementById("phone-number");
const codes = document.querySelector("cams-qr");

translate();
codes.headers = headers;
codes.endpoint = address;
if (parameters.custSpaceId) codes.custSpaceId = parameters.custSpaceId;
form.addEventListener("submit", (event) => {
  event.preventDefault();
  input.removeAttribute("aria-invalid");
  codes.phoneNumber = input.value;
  codes.reload();
});
codes.addEventListener("cams-qr-error", ({ detail }) => {
  if (detail.code !== "invalid_request") return;
  input.setAttribute("aria-invalid", "true");
  input.focus();
});

function translate() {
  document.documentElement.lang = language;
  document.title = text.title;
  for (const node of document.querySelectorAll("[data-text]")) node.textContent = text[node.dataset.text];
}
