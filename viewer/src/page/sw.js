/**
 * The service worker: keeps the files of the page, so that it works with the network off, and adds the headers with
 * which a page may use several threads, for hosts that cannot be told to send them. The build fills in both constants.
 */

const VERSION = "VERSION_OF_BUILD";
const FILES = ["./"];
const ISOLATION = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

self.addEventListener("install", (event) => {
  event.waitUntil(keepAll().then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(removeOld().then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  const isLocal = new URL(self.registration.scope).pathname + "local/";
  if (request.method !== "GET" || url.origin !== self.location.origin || url.pathname.startsWith(isLocal)) return;
  event.respondWith(answer(request));
});

/** Files in assets/ have a digest in their names, so the kept ones are right; others are kept for being offline. */
async function answer(request) {
  const cache = await caches.open(VERSION);
  const kept = await cache.match(request, { ignoreSearch: true });
  if (kept && new URL(request.url).pathname.includes("/assets/")) return isolated(kept);
  try {
    return isolated(await fetch(request));
  } catch (error) {
    if (kept) return isolated(kept);
    throw error;
  }
}

function isolated(response) {
  if (response.status === 0) return response;
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(ISOLATION)) headers.set(name, value);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}

async function keepAll() {
  const cache = await caches.open(VERSION);
  await cache.addAll(FILES.map((file) => new Request(file, { cache: "reload" })));
}

async function removeOld() {
  for (const name of await caches.keys()) if (name !== VERSION) await caches.delete(name);
}
