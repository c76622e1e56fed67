// The registry of notifiers: a new one is one file beside this one and one line here.
import type { z } from "zod";
import type { Notifier } from "../core/ports.ts";
import type { NotifierDeps, NotifierType } from "./adapter.ts";
import { terminal } from "./console.ts";
import { email } from "./email.ts";
import { slack } from "./slack.ts";
import { webhook } from "./webhook.ts";

export type { NotifierDeps, NotifyLog, Out } from "./adapter.ts";

export const notifierTypes = { slack, email, webhook, console: terminal } as const satisfies Registry;

/** For the config: what may stand under `notifiers`, by `type`. */
export const notifierSchemas = {
  slack: slack.schema,
  email: email.schema,
  webhook: webhook.schema,
  console: terminal.schema,
} as const satisfies Record<TypeName, z.ZodObject>;

/** `settings` must be what the type's own schema made of the block. Opens nothing: connections begin with the first use. */
export function createNotifier(
  { name, type, settings }: { readonly name: string; readonly type: string; readonly settings: unknown },
  deps: NotifierDeps,
): Notifier {
  if (!isTypeName(type)) throw new TypeError(`notifier ${name}: unknown type ${type}`);
  return open(type, name, settings, deps);
}

type Registry = Readonly<
  Record<string, { readonly schema: z.ZodObject; readonly create: NotifierType<never>["create"] }>
>;
type TypeName = keyof typeof notifierTypes;
type SettingsOf<T extends TypeName> = z.output<(typeof notifierTypes)[T]["schema"]>;

const byType: { readonly [T in TypeName]: NotifierType<SettingsOf<T>> } = notifierTypes;

function open<T extends TypeName>(type: T, name: string, settings: unknown, deps: NotifierDeps): Notifier {
  if (!isSettings(type, settings)) throw new TypeError(`notifier ${name}: these are no settings of type ${type}`);
  return byType[type].create(name, settings, deps);
}

const isTypeName = (type: string): type is TypeName => Object.hasOwn(notifierTypes, type);

/** The discriminator stands for the rest: nothing but the schema writes it into an object. */
function isSettings<T extends TypeName>(type: T, settings: unknown): settings is SettingsOf<T> {
  return typeof settings === "object" && settings !== null && "type" in settings && settings.type === type;
}
