// Zoom and search of a flame graph; the drawing itself stands without it.
(function () {
  "use strict";
  var WIDTH = 1160, CHAR = 6.7, NEAR = 1e-6;
  function setUp(svg) {
    var frames = Array.prototype.map.call(svg.querySelectorAll(".f"), function (g) {
      var title = g.querySelector("title").textContent;
      return { g: g, rect: g.querySelector("rect"), text: g.querySelector("text"), title: title, name: title.split("\n")[0],
        low: title.toLowerCase(), x: +g.getAttribute("data-x"), w: +g.getAttribute("data-w"), d: +g.getAttribute("data-d") };
    });
    if (!frames.length) { return; }
    var reset = svg.querySelector(".freset"), ask = svg.querySelector(".fsearch"), focus = frames[0];
    function label(name, px) {
      if (px < 24) { return ""; }
      var n = Math.floor((px - 6) / CHAR), c = Array.from(name);
      if (c.length <= n) { return name; }
      return n < 3 ? "" : c.slice(0, n - 1).join("") + "…";
    }
    function inside(a, b) { return a.x >= b.x - NEAR && a.x + a.w <= b.x + b.w + NEAR; }
    function zoom(to) {
      focus = to;
      frames.forEach(function (f) {
        var above = f.d < to.d && inside(to, f), below = f.d >= to.d && inside(f, to);
        f.g.classList.toggle("gone", !above && !below);
        f.g.classList.toggle("dim", above);
        if (!above && !below) { return; }
        var x = above ? 0 : (f.x - to.x) / to.w * WIDTH, w = Math.max((above ? 1 : f.w / to.w) * WIDTH - 0.6, 0.2);
        f.rect.setAttribute("x", x); f.rect.setAttribute("width", w);
        f.text.setAttribute("x", x); f.text.textContent = label(f.name, w);
      });
      show(reset, to !== frames[0]);
    }
    function show(el, on) { if (on) { el.removeAttribute("display"); } else { el.setAttribute("display", "none"); } }
    function search(word) {
      var low = word.trim().toLowerCase(), hits = [], sum = 0;
      frames.forEach(function (f) {
        var hit = low !== "" && f.low.indexOf(low) >= 0;
        f.g.classList.toggle("hit", hit);
        if (hit) {
          // What lies below a hit is counted with it.
          if (!hits.some(function (h) { return h.d < f.d && inside(f, h); })) { sum += f.w; }
          hits.push(f);
        }
      });
      return { count: hits.length, share: sum };
    }
    function press(el, f) {
      el.addEventListener("click", f);
      el.addEventListener("keydown", function (e) { if (e.key === "Enter" || e.key === " ") { e.preventDefault(); f(); } });
    }
    frames.forEach(function (f) {
      press(f.g, function () { zoom(f); });
      f.g.addEventListener("keydown", function (e) {
        var next = null, shown = frames.filter(function (o) { return !o.g.classList.contains("gone"); });
        if (e.key === "ArrowDown") { next = shown.find(function (o) { return o.d === f.d + 1 && inside(o, f); }); }
        if (e.key === "ArrowUp") { next = shown.find(function (o) { return o.d === f.d - 1 && inside(f, o); }); }
        if (e.key === "ArrowRight") { next = shown.find(function (o) { return o.d === f.d && o.x > f.x + NEAR; }); }
        if (e.key === "ArrowLeft") { next = shown.filter(function (o) { return o.d === f.d && o.x < f.x - NEAR; }).pop(); }
        if (e.key === "Escape") { zoom(frames[0]); }
        if (next) { e.preventDefault(); next.g.focus(); }
      });
    });
    press(reset, function () { zoom(frames[0]); });
    if (svg.classList.contains("alone")) {
      show(ask, true);
      press(ask, function () {
        var word = window.prompt("Search functions and files");
        if (word === null) { return; }
        var got = search(word);
        ask.textContent = word === "" ? "Search" : "Search: " + got.count + " frames, " + Math.round(got.share * 100) + "% of what changed";
      });
    }
    svg.flame = { search: search, reset: function () { zoom(frames[0]); } };
  }
  Array.prototype.forEach.call(document.querySelectorAll("svg.flame"), setUp);
})();
