"use strict";
(() => {
  const given = JSON.parse(document.getElementById("given").textContent);
  const LANGUAGES = { en: "en", zh: "zh-Hans" };
  const SIGNS = { valid: "✓", refused: "✕", undecided: "?", checkpoint: "!", empty: "…" };
  const result = document.getElementById("result");
  const bytes = { proof: null, entry: null, policy: null };
  let run = 0;

  /* Everything is written as text, never as markup: no file can put anything into the page but letters. */
  function made(tag, name, ...inside) {
    const element = document.createElement(tag);
    if (name) element.className = name;
    element.append(...inside.filter((each) => each !== null));
    return element;
  }

  function say(code, fields = {}) {
    const both = document.createDocumentFragment();
    for (const [language, lang] of Object.entries(LANGUAGES)) {
      const text = given.texts[code][language].replace(/\{(\w+)\}/g, (whole, name) => visible(fields[name]));
      const span = made("span", "", text);
      span.lang = lang;
      both.append(span);
    }
    return both;
  }

  /* Show letters that would change how others are read (direction marks and the like) by their number. */
  function visible(value) {
    return String(value).replace(/\p{C}/gu, (letter) => `\\u{${letter.codePointAt(0).toString(16)}}`);
  }

  function time(time_s) {
    if (time_s === null || time_s === 0n) return null;
    if (time_s > 253402300799n) return `${time_s} s`;
    return new Date(Number(time_s) * 1000).toISOString().replace("T", " ").replace(".000Z", " UTC");
  }

  function facts(pairs) {
    const list = made("dl", "found");
    for (const [code, value, kind] of pairs) {
      if (value === undefined || value === null) continue;
      list.append(made("div", "", made("dt", "", say(`fact.${code}`)), made("dd", kind ?? "", visible(value))));
    }
    return list.children.length ? list : null;
  }

  function signer(each) {
    const said = time(each.time_s);
    const below = [each.kind === 6 ? "ML-DSA-44" : "Ed25519", visible(each.key), said].filter((part) => part !== null);
    const small = made("small", "", below.join(" · "));
    const why = each.state === "unchecked" ? made("small", "", say(each.kind === 6 ? "no_mldsa" : "no_ed25519")) : null;
    return made("li", "", made("div", "", made("b", "", visible(each.name)), small, why), made("span", `state ${each.state}`, say(`signer.${each.state}`)));
  }

  const signers = (list) => list.length ? made("ul", "signers", ...list.map(signer)) : null;

  const DETAILS = {
    policy: (found) => [facts([["quorum", found.quorum]])],
    proof: (found) => [facts([["index", found.index], ["hashes", found.hashes]])],
    log: (found) => [facts([["origin", found.origin], ["size", found.size], ["root", found.root, "code"]]), signers(found.logs)],
    witnesses: (found) => [signers(found.witnesses)],
    inclusion: (found) => [facts([["leaf", found.leaf, "code"]])],
  };

  function why(reason) {
    const line = reason.line ? say("at_line", reason) : null;
    return made("p", "why", ...(line ? [line, " "] : []), say(`reason.${reason.code}`, reason));
  }

  function step(name, found) {
    const state = found.steps[name];
    const heading = made("h3", "", made("span", "", say(`step.${name}`)), made("span", `state ${state}`, say(`state.${state}`)));
    const reason = state === "bad" ? why(found.reason) : null;
    const details = state === "unreached" ? [] : DETAILS[name](found);
    return made("li", "", heading, reason, ...details);
  }

  function limits(found) {
    const unchecked = [...found.logs, ...found.witnesses].filter((each) => each.state === "unchecked").length;
    const lines = [
      found.steps.inclusion === "skipped" ? say("limit.entry") : null,
      unchecked ? say("limit.unchecked", { count: unchecked }) : null,
      found.ignored ? say("limit.ignored", { count: found.ignored }) : null,
      typeof found.extra === "number" ? say("limit.extra", { count: found.extra }) : null,
      say("limit.content"), say("limit.times"), say("limit.later"),
      say(given.policy === null ? "limit.policy" : "limit.page"),
    ];
    return lines.filter((line) => line !== null).map((line) => made("li", "", line));
  }

  function show(verdict, found) {
    result.className = `card result ${verdict}`;
    result.querySelector(".sign").textContent = SIGNS[verdict];
    result.querySelector(".word b").replaceChildren(say(`word.${verdict}`));
    const missing = !found && (bytes.policy === null ? (bytes.proof === null ? "both" : "policy") : "proof");
    const said = found ? say(`said.${verdict}`, found) : say(`missing.${missing}`);
    result.querySelector(".said").replaceChildren(said);
    const broken = found?.reason?.code === "no_webcrypto";
    result.querySelector(".steps").replaceChildren(...(found && !broken ? Object.keys(found.steps).map((name) => step(name, found)) : []));
    if (broken) result.querySelector(".said").replaceChildren(why(found.reason));
    result.querySelector(".limits").hidden = !found || broken;
    result.querySelector(".limits ul").replaceChildren(...(found && !broken ? limits(found) : []));
  }

  async function verify() {
    const mine = ++run;
    if (bytes.proof === null || bytes.policy === null) return show("empty", null);
    const found = await tlog.verify(bytes);
    if (mine === run) show(found.verdict, found);
  }

  /* A pasted proof or policy loses or gains line ends at its end, which no signature covers; a pasted entry is kept. */
  function typed(name, text) {
    const kept = name === "entry" ? text : text.replace(/\n*$/, "\n").replace(/^\n+/, "");
    return text === "" ? null : new TextEncoder().encode(kept);
  }

  function source(name) {
    const box = document.getElementById(name);
    const area = box.querySelector("textarea"), picker = box.querySelector("input"), line = box.querySelector(".file");

    function take(data, file) {
      bytes[name] = data;
      line.hidden = file === null;
      area.hidden = file !== null;
      if (file) line.querySelector(".name").replaceChildren(say("file", { name: file.name, count: data.length }));
      verify();
    }

    async function open(file) {
      if (file) take(new Uint8Array(await file.arrayBuffer()), file);
      picker.value = "";
    }

    area.addEventListener("input", () => take(typed(name, area.value), null));
    picker.addEventListener("change", () => open(picker.files[0]));
    line.querySelector("button").addEventListener("click", () => take(typed(name, area.value), null));
    box.addEventListener("dragover", (event) => { event.preventDefault(); box.classList.add("over"); });
    box.addEventListener("dragleave", () => box.classList.remove("over"));
    box.addEventListener("drop", (event) => {
      event.preventDefault();
      box.classList.remove("over");
      if (event.dataTransfer.files.length) return open(event.dataTransfer.files[0]);
      area.value = event.dataTransfer.getData("text/plain");
      take(typed(name, area.value), null);
    });
    if (typeof given[name] === "string") {
      area.value = given[name];
      bytes[name] = typed(name, given[name]);
    }
  }

  function pin() {
    const box = document.getElementById("policy");
    box.querySelector("textarea").readOnly = true;
    box.querySelector(".lead").replaceChildren(say("pinned"));
    box.querySelector(".give").hidden = true;
    box.querySelector("input").disabled = true;
    for (const kind of ["dragover", "drop"]) {
      box.addEventListener(kind, (event) => { event.preventDefault(); event.stopImmediatePropagation(); }, { capture: true });
    }
  }

  function speak() {
    const chosen = document.querySelector("input.choice:checked").value;
    document.documentElement.lang = LANGUAGES[chosen];
    document.title = `${given.texts.title[chosen]} · Oreloop`;
  }

  document.querySelectorAll("input.choice").forEach((choice) => choice.addEventListener("change", speak));
  if (given.policy !== null) pin();
  ["proof", "entry", "policy"].forEach(source);
  speak();
  verify();
})();
