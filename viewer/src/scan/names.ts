/** Which sequence a file is, by its name: BIDS, BraTS and alike, as in `brainseg/scans/names.py`. */

export const SEQUENCES = ["pre-contrast", "flair", "post-contrast"] as const;
export type Sequence = (typeof SEQUENCES)[number];
export type Role = Sequence | "other" | "mask";

/** How the page calls a sequence. */
export const TITLES: Record<Sequence, string> = {
  flair: "FLAIR",
  "pre-contrast": "T1",
  "post-contrast": "T1 with contrast",
};

const ROLES: Record<string, Role> = {
  ...byWord("flair", "flair t2f t2flair"),
  ...byWord("pre-contrast", "t1 t1n t1w t1pre"),
  ...byWord("post-contrast", "t1ce t1c t1gd t1post t1wce"),
  ...byWord("other", "t2 t2w dwi adc swi pd pdw t2star t2starw"),
  ...byWord("mask", "mask seg segm segmentation label labels"),
};
const BIDS = /^(?<entities>(?:[a-z]+-[0-9A-Za-z]+_)*)(?<suffix>[0-9A-Za-z]+)$/;
const LAST_WORD = /^(?<rest>.*?)(?:^|[_\-. ])(?<word>[0-9A-Za-z]+)$/s;
const RESULT_WORDS = ["probability", "probseg", "overlay", "montage"];
const NUMBER = /^(?<rest>.*?)(?<number>[0-9]{1,9})(?<end>[^0-9]*)$/s;
const MAX_NAME = 100;

function byWord(role: Role, words: string): Record<string, Role> {
  return Object.fromEntries(words.split(" ").map((word) => [word, role]));
}

/** The case and the sequence that a file's name says; the role is null if it does not say it. */
export function parseName(name: string): { case: string; role: Role | null } {
  const stem = stemOf(name);
  const bids = BIDS.exec(stem)?.groups;
  if (bids && stem.startsWith("sub-")) {
    const entities = new Map(
      bids.entities
        .split("_")
        .filter(Boolean)
        .map((part) => part.split("-", 2) as [string, string]),
    );
    let role = ROLES[bids.suffix.toLowerCase()] ?? null;
    if (role === "pre-contrast" && entities.has("ce")) role = "post-contrast";
    const parts = ["sub", "ses"].filter((key) => entities.has(key)).map((key) => `${key}-${entities.get(key)}`);
    return { case: parts.join("_"), role };
  }
  const match = LAST_WORD.exec(stem)?.groups;
  const role = (match && ROLES[match.word.toLowerCase()]) ?? null;
  return { case: match && role ? match.rest : stem, role };
}

/** Whether a file is, by its name, a result such as a probability map, which is no scan. */
export function isResult(name: string): boolean {
  const word = LAST_WORD.exec(stemOf(name))?.groups?.word.toLowerCase();
  return word !== undefined && RESULT_WORDS.includes(word);
}

/** The name of a file without its suffix; `.nii.gz` is one suffix. */
export function stemOf(name: string): string {
  const lower = name.toLowerCase();
  for (const suffix of [".nii.gz", ".nii"]) if (lower.endsWith(suffix)) return name.slice(0, -suffix.length);
  return name.replace(/(?<=.)\.[^.]*$/s, "");
}

/** The number of a slice, the last run of digits in a name, and the name with # in its place. */
export function sliceNumber(stem: string): { pattern: string; number: number } | null {
  const match = NUMBER.exec(stem)?.groups;
  return match ? { pattern: `${match.rest}#${match.end}`, number: Number(match.number) } : null;
}

/** A text as the name of a file that is harmless on any system. */
export function safeName(text: string): string {
  const cleaned = [...text.normalize("NFC")].map((c) => (/[\p{L}\p{N}._-]/u.test(c) ? c : "_")).slice(0, MAX_NAME);
  const name = cleaned.join("").replace(/^\.+|\.+$/g, "");
  const reserved = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?$/i.test(name);
  return !name || reserved ? `case_${name}`.replace(/_+$/, "") : name;
}
