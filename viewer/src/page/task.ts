/** What the page is busy with: one thing at a time, of which the last that was asked for counts. */

import { Cancelled } from "../network/network";

export class Task {
  #controller: AbortController | null = null;

  /** Whether anything was ever begun. */
  get wasBegun(): boolean {
    return this.#controller !== null;
  }

  /** Ends what goes on; what comes of it late is ignored. */
  cancel(): void {
    this.#controller?.abort(new Cancelled());
  }

  /** Does something instead of what goes on; `onFault` hears of an error, unless something else has begun since. */
  async run(action: (signal: AbortSignal) => Promise<void>, onFault: (error: unknown) => void): Promise<void> {
    this.cancel();
    const { signal } = (this.#controller = new AbortController());
    try {
      await action(signal);
    } catch (error) {
      if (!signal.aborted) onFault(error);
    }
  }
}
