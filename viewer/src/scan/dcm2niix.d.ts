/** The part of @niivue/dcm2niix that is used; the package has no types. */
declare module "@niivue/dcm2niix" {
  interface Processor {
    ba(value: "y" | "n"): Processor;
    z(value: "y" | "n"): Processor;
    f(pattern: string): Processor;
    run(): Promise<File[]>;
  }
  export class Dcm2niix {
    worker: Worker | null;
    init(): Promise<boolean>;
    input(files: Iterable<File>): Processor;
  }
}
