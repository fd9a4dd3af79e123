"use strict";
(function () {
  const root = document.documentElement;
  const INK = "#3d4653"; // the token that figures use for ink
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const drawn = new Set();
  const folds = document.querySelectorAll("details.data");

  root.classList.add("js");
  folds.forEach((fold) => { fold.open = false; });
  addEventListener("beforeprint", () => {
    folds.forEach((fold) => { fold.open = true; });
    document.querySelectorAll(".plot").forEach((box) => { if (box.offsetParent && !drawn.has(box)) try_draw(box); });
  });

  function specification(box) {
    const style = getComputedStyle(root);
    const text = document.getElementById(box.dataset.figure).textContent;
    return JSON.parse(text.replaceAll(INK, style.getPropertyValue("--ink").trim()));
  }

  function draw(box) {
    const figure = specification(box);
    const options = { responsive: true, displaylogo: false, displayModeBar: false, doubleClick: "reset" };
    drawn.add(box);
    Plotly.react(box, figure.data, figure.layout, options).catch(() => give_up(box));
  }

  function give_up(box) {
    const figure = box.closest("figure");
    box.parentElement.hidden = true;
    figure.querySelector(".failed").hidden = false;
    const fold = figure.nextElementSibling;
    if (fold && fold.matches("details.data")) fold.open = true;
  }

  function try_draw(box) {
    try { draw(box); } catch { give_up(box); }
  }

  function speak() {
    const chosen = document.querySelector("input.choice:checked");
    const page = document.querySelector(`.page[data-language="${chosen.value}"]`);
    root.lang = page.lang;
    document.title = page.querySelector("h1").textContent + " · Oreloop";
  }

  addEventListener("load", () => {
    const eye = new IntersectionObserver((seen) => {
      for (const each of seen) {
        if (!each.isIntersecting) continue;
        eye.unobserve(each.target);
        try_draw(each.target);
      }
    }, { rootMargin: "600px" });
    document.querySelectorAll(".plot").forEach((box) => eye.observe(box));
    document.querySelectorAll("input.choice").forEach((choice) => choice.addEventListener("change", speak));
    dark.addEventListener("change", () => drawn.forEach(try_draw));
    speak();
  });
})();
