/** A fault that the person at the page can do something about: one message that says what, where and how to fix it. */
export class Problem extends Error {}
