import { createRoot } from "react-dom/client";
import "../../web/cams-qr.js";

const endpoint = import.meta.env.VITE_ENDPOINT;
// Your server knows who is signed in, and issues the JSON Web Token.
const token = async () => (await fetch("/token")).text();
const failed = ({ detail }) => console.warn("cams-qr:", detail.code);

createRoot(document.getElementById("root")).render(
  <cams-qr phone-number="8613800001234" endpoint={endpoint} token={token} oncams-qr-error={failed} />,
);
