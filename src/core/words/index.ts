// The registry of languages: a new one is one file beside this one and one line here.
import type { Language } from "../format.ts";
import { en, type Words } from "./en.ts";
import { zh } from "./zh.ts";

export type { Words };

export const WORDS: Readonly<Record<Language, Words>> = { en, "zh-CN": zh };
