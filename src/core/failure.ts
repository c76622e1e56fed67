// What a failed read says beyond its own poll.
import type { Failure } from "./ports.ts";

/** The exchange refuses this key, whatever it asks for, until somebody mends it. */
export const refusesKey = ({ code }: Failure): boolean => code === "rejected_key" || code === "bad_signature";
