"use strict";
/* Verifies a c2sp.org/tlog-proof under a c2sp.org/tlog-policy with WebCrypto alone: SHA-256 and Ed25519. No document,
   no network, no clock: bytes in, findings out. ML-DSA-44 signatures cannot be checked here: they count as unchecked.

   tlog.verify({ proof, policy, entry?, leaf?, subtle? }) takes byte arrays (leaf: the 32-byte leaf hash, where the
   entry itself is not at hand) and resolves to
     verdict    "valid", "checkpoint" (no entry was given), "undecided" (a needed signature cannot be checked here)
                or "refused"
     reason     why it was refused: { code, ...fields }, else null
     steps      policy, proof, log, witnesses, inclusion: "good", "open", "bad", "skipped" or "unreached"
     and what was found: origin, size, root, index, hashes, leaf, quorum, logs and witnesses with state and time, ignored. */
const tlog = (() => {
  const LOG = 1, WITNESS = 4, MLDSA = 6; // signature types: signed-note, tlog-cosignature
  const KEY_BYTES = { [LOG]: 32, [WITNESS]: 32, [MLDSA]: 1312 };
  const SIGNATURE_BYTES = { [LOG]: 64, [WITNESS]: 8 + 64, [MLDSA]: 8 + 2420 };
  const MOST_BYTES = 1_000_000, MOST_SIGNATURES = 100, END = 2n ** 63n;
  const STEPS = ["policy", "proof", "log", "witnesses", "inclusion"];
  const utf8 = new TextEncoder();

  class Refused extends Error {
    constructor(code, fields) { super(code); this.reason = { code, ...fields }; }
  }

  function need(holds, code, fields = {}) {
    if (!holds) throw new Refused(code, fields);
  }

  const latin = (bytes) => Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const same = (one, other) => hex(one) === hex(other);
  const short = (text) => Array.from(text).slice(0, 60).join("");

  function joined(...parts) {
    const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    parts.reduce((start, part) => { whole.set(part, start); return start + part.length; }, 0);
    return whole;
  }

  function text_of(bytes) {
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw new Refused("not_utf8");
    }
  }

  /* RFC 4648, section 4: only as the canonical encoder writes it. */
  function decoded(text) {
    need(text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text), "base64", { got: short(text) });
    const binary = atob(text);
    need(btoa(binary) === text, "base64", { got: short(text) });
    return Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
  }

  function number(text) {
    need(/^(0|[1-9][0-9]{0,18})$/.test(text) && BigInt(text) < END, "number", { got: short(text) });
    return BigInt(text);
  }

  /* signed-note: no spaces, no plus; here nothing invisible either. */
  function key_name(name) {
    need(/^[^\p{C}\p{Z}+]+$/u.test(name), "key_name", { got: short(name) });
    return name;
  }

  async function sha256(subtle, ...parts) {
    return new Uint8Array(await subtle.digest("SHA-256", joined(...parts)));
  }

  async function read_key(subtle, word, kinds) {
    const parts = text_of(Uint8Array.from(word, (letter) => letter.charCodeAt(0))).split("+");
    need(parts.length >= 3, "key_shape");
    const name = key_name(parts[0]), material = decoded(parts.slice(2).join("+")), kind = material[0];
    need(kinds.includes(kind) && material.length === 1 + KEY_BYTES[kind], "key_kind", { name });
    need(kind !== MLDSA || utf8.encode(name).length <= 255, "key_name", { got: short(name) });
    const id = hex((await sha256(subtle, utf8.encode(`${name}\n`), material)).slice(0, 4));
    need(id === parts[1], "key_id", { name });
    return { name, id, kind, public: material.slice(1), label: `${name}+${id}` };
  }

  /* tlog-policy. Names are opaque bytes: one letter a byte here, until they are shown. */
  async function read_policy(subtle, bytes) {
    const policy = { logs: [], witnesses: new Map(), groups: new Map(), quorum: null };
    const whole = latin(bytes);
    need(bytes.length <= MOST_BYTES && !/[\x00-\x08\x0b-\x1f\x7f]/.test(whole), "policy_bytes");
    for (const [place, line] of whole.split("\n").entries()) {
      const words = line.split(/[ \t]+/).filter((word) => word !== "");
      if (words.length === 0 || words[0].startsWith("#")) continue;
      try {
        await read_policy_line(subtle, policy, words);
      } catch (refused) {
        if (refused instanceof Refused) refused.reason.line = place + 1;
        throw refused;
      }
    }
    need(policy.quorum !== null, "policy_quorum");
    need(policy.logs.length > 0, "policy_log");
    const publics = new Map();
    for (const key of [...policy.logs, ...policy.witnesses.values()]) {
      const before = publics.get(key.label);
      need(before === undefined || (before.kind === key.kind && same(before.public, key.public)), "policy_twice", { got: key.name });
      publics.set(key.label, key);
    }
    return policy;
  }

  async function read_policy_line(subtle, policy, words) {
    const { logs, witnesses, groups } = policy;
    const known = (name) => witnesses.has(name) || groups.has(name);
    const fresh = (name) => need(name !== "none" && !known(name), "policy_twice", { got: shown(name) });
    const once = (key, others) => need(!others.some((other) => same(key.public, other.public)), "policy_twice", { got: key.name });
    const [what, name, ...rest] = words;
    if (what === "log" && (words.length === 2 || words.length === 3)) {
      const key = await read_key(subtle, name, [LOG, MLDSA]);
      once(key, logs);
      logs.push(key);
    } else if (what === "witness" && (words.length === 3 || words.length === 4)) {
      const key = await read_key(subtle, rest[0], [WITNESS, MLDSA]);
      fresh(name);
      once(key, [...witnesses.values()]);
      witnesses.set(name, key);
    } else if (what === "group" && words.length >= 4) {
      const members = rest.slice(1), taken = new Set([...groups.values()].flatMap((group) => group.members));
      fresh(name);
      for (const member of members) {
        need(known(member), "policy_unknown", { got: shown(member) });
        need(!taken.has(member), "policy_twice", { got: shown(member) });
        taken.add(member);
      }
      const least = rest[0] === "any" ? 1n : rest[0] === "all" ? BigInt(members.length) : number(rest[0]);
      need(least >= 1n && least <= BigInt(members.length), "policy_threshold", { got: shown(rest[0]) });
      groups.set(name, { least: Number(least), members });
    } else if (what === "quorum" && words.length === 2) {
      need(policy.quorum === null, "policy_twice", { got: "quorum" });
      need(name === "none" || known(name), "policy_unknown", { got: shown(name) });
      policy.quorum = name;
    } else {
      throw new Refused("policy_line", { got: shown(what) });
    }
  }

  /* Give the name of a witness or group for reading. */
  function shown(name) {
    return short(new TextDecoder().decode(Uint8Array.from(name, (letter) => letter.charCodeAt(0))));
  }

  /* tlog-proof, "Format". The extra line is opaque, and nothing authenticates it. */
  function read_proof(bytes) {
    const whole = latin(bytes), gap = whole.indexOf("\n\n");
    const lines = whole.slice(0, Math.max(gap, 0)).split("\n");
    need(gap >= 0 && lines.shift() === "c2sp.org/tlog-proof@v1", "proof_shape");
    const extra = lines.length > 0 && lines[0].startsWith("extra ") ? decoded(lines.shift().slice(6)).length : null;
    need(lines.length > 0 && lines[0].startsWith("index "), "proof_shape");
    const index = number(lines.shift().slice(6));
    need(lines.length <= 63, "proof_shape");
    const path = lines.map(decoded);
    need(path.every((hash) => hash.length === 32), "proof_shape");
    return { index, path, extra, note: bytes.slice(gap + 2) };
  }

  /* signed-note, "Format", and tlog-checkpoint. */
  function read_note(bytes) {
    need(bytes.length <= MOST_BYTES, "note_shape");
    const whole = text_of(bytes), gap = whole.lastIndexOf("\n\n");
    need(gap >= 0 && whole.endsWith("\n") && whole.length > gap + 2 && !/[\x00-\x09\x0b-\x1f]/.test(whole), "note_shape");
    const written = whole.slice(gap + 2, -1).split("\n");
    need(written.length <= MOST_SIGNATURES, "note_shape");
    const signatures = written.map((line) => {
      const [dash, name, ...rest] = line.split(" ");
      const value = decoded(rest.join(" "));
      need(dash === "\u2014" && value.length > 4, "note_shape");
      return { label: `${key_name(name ?? "")}+${hex(value.slice(0, 4))}`, value: value.slice(4) };
    });
    const text = whole.slice(0, gap + 1), lines = text.split("\n").slice(0, -1);
    need(lines.length >= 3 && !lines.includes(""), "checkpoint_shape");
    const root = decoded(lines[2]);
    need(root.length === 32, "checkpoint_shape");
    return { text, signatures, origin: lines[0], size: number(lines[1]), root };
  }

  async function has_ed25519(subtle) {
    const public_key = decoded("O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik="); // of the seed of 32 zero bytes
    try {
      await subtle.importKey("raw", public_key, { name: "Ed25519" }, false, ["verify"]);
      return true;
    } catch {
      return false;
    }
  }

  /* Check one signature: "good", "bad", or "unchecked" where this browser cannot. */
  async function check(subtle, able, key, value, note) {
    const timed = key.kind === LOG ? null : BigInt(`0x${hex(value.slice(0, 8)) || "0"}`);
    if (value.length !== SIGNATURE_BYTES[key.kind] || (timed !== null && timed >= END)) return { state: "bad", time_s: null };
    if (key.kind === MLDSA) {
      const fits = utf8.encode(note.origin).length <= 255;
      return { state: fits ? "unchecked" : "bad", time_s: timed };
    }
    if (!able) return { state: "unchecked", time_s: timed };
    const message = utf8.encode(key.kind === LOG ? note.text : `cosignature/v1\ntime ${timed}\n${note.text}`);
    try {
      const imported = await subtle.importKey("raw", key.public, { name: "Ed25519" }, false, ["verify"]);
      const holds = await subtle.verify({ name: "Ed25519" }, imported, value.slice(-64), message);
      return { state: holds ? "good" : "bad", time_s: timed };
    } catch {
      return { state: "bad", time_s: timed };
    }
  }

  /* Check every signature that a key of the policy made; those of other keys say nothing (signed-note). */
  async function check_signatures(subtle, found, policy, note) {
    const keys = new Map([...policy.logs, ...policy.witnesses.values()].map((key) => [key.label, key]));
    const able = found.ed25519 = await has_ed25519(subtle);
    const made = new Map();
    for (const { label, value } of note.signatures) {
      if (!keys.has(label)) { found.ignored += 1; continue; }
      need(!made.has(label), "signed_twice", { name: keys.get(label).name });
      made.set(label, await check(subtle, able, keys.get(label), value, note));
    }
    const told = (key, name) => ({ name, key: key.label, kind: key.kind, state: "absent", time_s: null, ...made.get(key.label) });
    found.logs = policy.logs.map((key) => told(key, key.name));
    found.witnesses = [...policy.witnesses].map(([name, key]) => told(key, shown(name)));
    return made;
  }

  /* The signature of a known key must hold, needed or not (signed-note). */
  function need_sound(signers) {
    for (const each of signers) need(each.state !== "bad", "signature", { name: each.name });
  }

  /* A log key speaks for the origin that is its name, and for origins beneath it. */
  function judge_log(policy, made, note) {
    const speaking = policy.logs.filter((key) => `${note.origin}/`.startsWith(`${key.name}/`));
    const states = speaking.map((key) => made.get(key.label)?.state);
    need(states.includes("good") || states.includes("unchecked"), "origin_unsigned", { origin: note.origin });
    return states.includes("good") ? "good" : "open";
  }

  function is_met(policy, made, states) {
    const met = new Set(["none"]);
    for (const [name, key] of policy.witnesses) if (states.includes(made.get(key.label)?.state)) met.add(name);
    for (const [name, { least, members }] of policy.groups) {
      if (members.filter((member) => met.has(member)).length >= least) met.add(name);
    }
    return met.has(policy.quorum);
  }

  function judge_witnesses(policy, made) {
    if (is_met(policy, made, ["good"])) return "good";
    need(is_met(policy, made, ["good", "unchecked"]), "quorum", { quorum: shown(policy.quorum) });
    return "open";
  }

  /* RFC 9162, 2.1.3.1, read from the root down to the leaf. */
  async function root_over(subtle, leaf, index, size, path) {
    need((path.length === 0) === (size === 1n), "proof_length");
    if (size === 1n) return leaf;
    const left = 2n ** BigInt((size - 1n).toString(2).length - 1); // the largest power of two below size
    const inner = path.slice(0, -1), sibling = path.at(-1), mark = Uint8Array.of(1);
    if (index < left) return sha256(subtle, mark, await root_over(subtle, leaf, index, left, inner), sibling);
    return sha256(subtle, mark, sibling, await root_over(subtle, leaf, index - left, size - left, inner));
  }

  async function judge_inclusion(subtle, leaf, proof, note) {
    need(proof.index < note.size, "index_range", { index: proof.index, size: note.size });
    if (leaf === null) return "skipped";
    const reached = await root_over(subtle, leaf, proof.index, note.size, proof.path);
    need(same(reached, note.root), "not_included", { index: proof.index });
    return "good";
  }

  async function verify({ proof, policy, entry = null, leaf = null, subtle = globalThis.crypto?.subtle }) {
    const found = { verdict: "refused", reason: null, steps: {}, ignored: 0, ed25519: null, logs: [], witnesses: [] };
    for (const step of STEPS) found.steps[step] = "unreached";
    if (!subtle) return { ...found, verdict: "undecided", reason: { code: "no_webcrypto" } };
    let step;
    const take = async (name, doing) => { step = name; const done = await doing(); found.steps[name] = "good"; return done; };
    try {
      const believed = await take("policy", () => read_policy(subtle, policy));
      found.quorum = shown(believed.quorum);
      const read = await take("proof", () => read_proof(proof));
      const note = await take("proof", () => read_note(read.note));
      const hash = leaf ?? (entry === null ? null : await sha256(subtle, Uint8Array.of(0), entry));
      Object.assign(found, { index: read.index, hashes: read.path.length, extra: read.extra, leaf: hash && hex(hash) });
      Object.assign(found, { origin: note.origin, size: note.size, root: hex(note.root) });
      const made = await take("log", () => check_signatures(subtle, found, believed, note));
      need_sound(found.logs);
      found.steps.log = judge_log(believed, made, note);
      step = "witnesses";
      need_sound(found.witnesses);
      found.steps.witnesses = judge_witnesses(believed, made);
      step = "inclusion";
      found.steps.inclusion = await judge_inclusion(subtle, hash, read, note);
      const open = [found.steps.log, found.steps.witnesses].includes("open");
      found.verdict = open ? "undecided" : found.steps.inclusion === "skipped" ? "checkpoint" : "valid";
    } catch (refused) {
      if (!(refused instanceof Refused)) throw refused;
      found.steps[step] = "bad";
      found.reason = refused.reason;
    }
    return found;
  }

  return { verify };
})();
