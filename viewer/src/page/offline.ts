/** The service worker, with which the page works with the network off once it was loaded. */

const RELOADED = "reloaded for isolation";

/** Registers the service worker. A host that sends no isolation headers gets them from it, after one reload. */
export async function workOffline(isBusy: () => boolean): Promise<void> {
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  try {
    await navigator.serviceWorker.register(new URL("sw.js", document.baseURI));
    await navigator.serviceWorker.ready;
  } catch {
    return; // a private window, for example: the page works without it
  }
  if (!crossOriginIsolated && !sessionStorage.getItem(RELOADED) && !isBusy()) {
    sessionStorage.setItem(RELOADED, "yes");
    location.reload();
  } else document.body.dataset.offline = "ready";
}
