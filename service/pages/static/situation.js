// A situation as the fragment of a link and back: JSON, deflated, in base64url. A fragment is never sent to a server.
const BEGIN = "s=";

async function through(bytes, stream) {
  const out = new Response(new Blob([bytes]).stream().pipeThrough(stream));
  return new Uint8Array(await out.arrayBuffer());
}

export async function packed(situation) {
  const bytes = await through(new TextEncoder().encode(JSON.stringify(situation)), new CompressionStream("deflate-raw"));
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return BEGIN + btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

export async function unpacked(fragment) {
  if (!fragment.startsWith(BEGIN)) throw new Error("no situation");
  const text = atob(fragment.slice(BEGIN.length).replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = await through(Uint8Array.from(text, (sign) => sign.charCodeAt(0)), new DecompressionStream("deflate-raw"));
  return JSON.parse(new TextDecoder().decode(bytes));
}
