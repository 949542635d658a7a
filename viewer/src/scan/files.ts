/** The files that a person drops or chooses, with their paths. */

export interface Dropped {
  /** With the names of folders, separated by "/". */
  path: string;
  file: File;
}

/** All files of a drop, folders included. */
export async function filesOfDrop(transfer: DataTransfer): Promise<Dropped[]> {
  const entries = [...transfer.items].filter((item) => item.kind === "file").map((item) => item.webkitGetAsEntry());
  if (entries.every((entry) => entry === null)) return filesOfList(transfer.files);
  const nested = await Promise.all(entries.map(async (entry) => (entry ? walk(entry) : [])));
  return nested.flat().filter(isVisible);
}

/** All files of an input element. */
export function filesOfList(list: Iterable<File>): Dropped[] {
  return [...list].map((file) => ({ path: file.webkitRelativePath || file.name, file })).filter(isVisible);
}

/** The last part of a path. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** A path without the name of the file; ends with "/" unless it is empty. */
export function pathOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/") + 1);
}

/** The deepest folder around all files, as a path that ends with "/"; empty if there is none. */
export function placeOf(files: Dropped[]): string {
  const [first, ...others] = files.map(({ path }) => pathOf(path).split("/"));
  const differs = first.findIndex((folder, n) => others.some((folders) => folders[n] !== folder));
  return differs < 0
    ? first.join("/")
    : first
        .slice(0, differs)
        .map((folder) => `${folder}/`)
        .join("");
}

/** Items by a key, in the order in which the keys appear. */
export function groupBy<T>(items: T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}

/** The folder of a path, without the folders around it; empty if there is none. */
export function folderOf(path: string): string {
  return path.split("/").at(-2) ?? "";
}

async function walk(entry: FileSystemEntry): Promise<Dropped[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((done, fail) => (entry as FileSystemFileEntry).file(done, fail));
    return [{ path: entry.fullPath.replace(/^\//, ""), file }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: Dropped[] = [];
  for (;;) {
    const batch = await new Promise<FileSystemEntry[]>((done, fail) => reader.readEntries(done, fail));
    if (batch.length === 0) return found; // a reader gives at most 100 entries at a time
    found.push(...(await Promise.all(batch.map(walk))).flat());
  }
}

/** Whether a file is none that an operating system put beside those of a person. */
export function isVisible({ path }: { path: string }): boolean {
  return !path.split("/").some((part) => part.startsWith(".") || part === "__MACOSX");
}
