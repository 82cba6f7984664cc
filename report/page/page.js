// Hover, zoom and sorting for the report; everything it adds to can be read without it.
(function () {
  "use strict";
  document.documentElement.classList.add("js");
  var each = function (sel, f, root) { Array.prototype.forEach.call((root || document).querySelectorAll(sel), f); };

  // Tips: the <title> of a shape, shown at once and in full. It is taken out, or the browser would show it a second time.
  var tip = document.getElementById("tip"), tips = new WeakMap();
  each("svg title", function (t) {
    var p = t.parentNode;
    if (p.tagName.toLowerCase() === "svg" && p.classList.contains("chart")) { return; }
    tips.set(p, t.textContent);
    if (p.hasAttribute("tabindex")) { p.setAttribute("aria-label", t.textContent); }
    p.removeChild(t);
  });
  function tipOf(el) {
    for (; el && el.nodeType === 1 && el.tagName.toLowerCase() !== "body"; el = el.parentNode) {
      if (tips.has(el)) { return tips.get(el); }
    }
    return null;
  }
  function showTip(text, x, y) {
    tip.textContent = text;
    tip.hidden = false;
    var r = tip.getBoundingClientRect();
    tip.style.left = Math.max(4, Math.min(x + 14, window.innerWidth - r.width - 8)) + "px";
    tip.style.top = (y + 18 + r.height > window.innerHeight ? Math.max(4, y - r.height - 10) : y + 18) + "px";
  }
  function hideTip() { tip.hidden = true; }
  document.addEventListener("pointermove", function (e) {
    var t = tipOf(e.target);
    if (t !== null) { showTip(t, e.clientX, e.clientY); } else if (!e.target.closest || !e.target.closest("svg.lanes")) { hideTip(); }
  });
  document.addEventListener("focusin", function (e) {
    var t = tipOf(e.target);
    if (t !== null) { var r = e.target.getBoundingClientRect(); showTip(t, r.left, r.bottom); }
  });
  document.addEventListener("focusout", hideTip);
  document.addEventListener("keydown", function (e) { if (e.key === "Escape") { hideTip(); } });
  document.addEventListener("scroll", hideTip, true);

  // Zoom: all charts over time share one view, in plot units.
  var UNITS = 1000, view = [0, UNITS], zoomed = [];
  each("svg[data-zoom]", function (svg) {
    zoomed.push({ svg: svg, plots: svg.querySelectorAll("svg.plot"), follow: svg.querySelectorAll("[data-at]"), ticks: svg.querySelector(".ticks"),
      from: +svg.dataset.from, to: +svg.dataset.to, x: +svg.dataset.x, w: +svg.dataset.w, axis: +svg.dataset.axis });
  });
  var STEPS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 2592000];
  function two(n) { return (n < 10 ? "0" : "") + n; }
  var MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  function clock(ms, step) {
    var d = new Date(ms);
    if (step >= 86400 || (step >= 60 && d.getUTCHours() === 0 && d.getUTCMinutes() === 0)) { return d.getUTCDate() + " " + MONTHS[d.getUTCMonth()]; }
    var s = two(d.getUTCHours()) + ":" + two(d.getUTCMinutes());
    if (step < 60) { s += ":" + two(d.getUTCSeconds()); }
    if (step < 1) { s += "." + String(Math.floor(d.getUTCMilliseconds() / 10)).padStart(2, "0"); }
    return s;
  }
  function drawTicks(z) {
    if (!z.ticks) { return; }
    var span = z.to - z.from, a = z.from + span * view[0] / UNITS, b = z.from + span * view[1] / UNITS, NS = "http://www.w3.org/2000/svg";
    var step = STEPS.find(function (s) { return (b - a) / 1000 / s <= 9; }) || STEPS[STEPS.length - 1];
    while (z.ticks.firstChild) { z.ticks.removeChild(z.ticks.firstChild); }
    for (var t = Math.ceil(a / 1000 / step) * step * 1000; t <= b; t += step * 1000) {
      var x = z.x + (t - a) / (b - a) * z.w, line = document.createElementNS(NS, "line"), text = document.createElementNS(NS, "text");
      line.setAttribute("x1", x); line.setAttribute("x2", x); line.setAttribute("y1", z.axis); line.setAttribute("y2", z.axis + 5);
      text.setAttribute("x", x); text.setAttribute("y", z.axis + 18); text.setAttribute("text-anchor", "middle");
      text.textContent = clock(t, step);
      z.ticks.appendChild(line); z.ticks.appendChild(text);
    }
  }
  function setView(a, b) {
    var least = 0.02;
    if (b - a < least) { var m = (a + b) / 2; a = m - least / 2; b = m + least / 2; }
    if (b - a >= UNITS) { a = 0; b = UNITS; }
    if (a < 0) { b -= a; a = 0; }
    if (b > UNITS) { a -= b - UNITS; b = UNITS; }
    view = [Math.max(0, a), b];
    zoomed.forEach(function (z) {
      Array.prototype.forEach.call(z.plots, function (p) { p.setAttribute("viewBox", view[0] + " 0 " + (view[1] - view[0]) + " " + p.getAttribute("data-h")); });
      Array.prototype.forEach.call(z.follow, function (f) {
        var x = (+f.dataset.at - view[0]) / (view[1] - view[0]);
        f.setAttribute("x", z.x + x * z.w);
        f.setAttribute("visibility", x < 0 || x > 1 ? "hidden" : "visible");
      });
      drawTicks(z);
    });
    each("[data-pan]", function (el) { el.disabled = view[1] - view[0] >= UNITS; });
  }
  function within(z, e) {
    // The pointer in the units of the drawing.
    var m = z.svg.getScreenCTM();
    return m ? { x: (e.clientX - m.e) / m.a, y: (e.clientY - m.f) / m.d } : { x: 0, y: 0 };
  }
  zoomed.forEach(function (z) {
    var start = null, box = z.svg.querySelector(".select");
    z.svg.addEventListener("pointerdown", function (e) {
      var p = within(z, e);
      if (e.button === 0 && p.x >= z.x && p.x <= z.x + z.w) { start = p.x; }
    });
    z.svg.addEventListener("pointermove", function (e) {
      if (start === null) { return; }
      var x = Math.min(Math.max(within(z, e).x, z.x), z.x + z.w);
      if (Math.abs(x - start) > 4) {
        box.setAttribute("x", Math.min(x, start)); box.setAttribute("width", Math.abs(x - start)); box.setAttribute("visibility", "visible");
        if (!z.svg.hasPointerCapture(e.pointerId)) { z.svg.setPointerCapture(e.pointerId); }
      }
    });
    function end(e) {
      if (start === null) { return; }
      var x = Math.min(Math.max(within(z, e).x, z.x), z.x + z.w), s = start, k = (view[1] - view[0]) / z.w;
      start = null;
      box.setAttribute("visibility", "hidden");
      if (Math.abs(x - s) > 6) { setView(view[0] + (Math.min(x, s) - z.x) * k, view[0] + (Math.max(x, s) - z.x) * k); }
    }
    z.svg.addEventListener("pointerup", end);
    z.svg.addEventListener("pointercancel", function () { start = null; box.setAttribute("visibility", "hidden"); });
    z.svg.addEventListener("dblclick", function () { setView(0, UNITS); });
  });
  each("[data-view]", function (b) {
    b.addEventListener("click", function () { var v = b.dataset.view.split(" "); setView(+v[0], +v[1]); });
  });
  each("[data-pan]", function (b) {
    b.addEventListener("click", function () { var d = (view[1] - view[0]) * b.dataset.pan; setView(view[0] + d, view[1] + d); });
  });
  each("[data-scale]", function (b) {
    b.addEventListener("click", function () {
      var m = (view[0] + view[1]) / 2, h = (view[1] - view[0]) / 2 * b.dataset.scale;
      setView(m - h, m + h);
    });
  });
  if (zoomed.length) { setView(0, UNITS); }

  // Reading the memory out under the pointer.
  var data = document.getElementById("lanes-data"), main = document.querySelector("svg.lanes");
  if (data && main) {
    var lanes = JSON.parse(data.textContent) || [], z = zoomed.find(function (o) { return o.svg === main; }), cross = main.querySelector(".cross");
    var unit = function (v) {
      var u = ["B", "KiB", "MiB", "GiB", "TiB"], i = 0;
      while (Math.abs(v) >= 1023.5 && i < u.length - 1) { v /= 1024; i++; }
      return (i === 0 ? Math.round(v) : v.toFixed(v < 10 ? 2 : v < 100 ? 1 : 0)) + " " + u[i];
    };
    var nearest = function (t, at) {
      var lo = 0, hi = t.length - 1;
      while (lo < hi) { var m = (lo + hi) >> 1; if (t[m] < at) { lo = m + 1; } else { hi = m; } }
      return lo > 0 && at - t[lo - 1] < t[lo] - at ? lo - 1 : lo;
    };
    main.addEventListener("pointermove", function (e) {
      var p = within(z, e);
      if (p.x < z.x || p.x > z.x + z.w) { cross.setAttribute("visibility", "hidden"); hideTip(); return; }
      cross.setAttribute("x1", p.x); cross.setAttribute("x2", p.x); cross.setAttribute("visibility", "visible");
      var own = tipOf(e.target);
      if (own !== null && !e.target.classList.contains("area") && !e.target.classList.contains("line")) { return; }
      var lane = lanes.find(function (l) { return p.y >= l.y - 4 && p.y <= l.y + l.h + 8; });
      if (!lane) { hideTip(); return; }
      var at = (view[0] + (p.x - z.x) / z.w * (view[1] - view[0])) / UNITS * (z.to - z.from), lines = [lane.name + ", " + clock(z.from + at, 1) + " UTC"];
      lane.curves.forEach(function (c) {
        if (!c.t || !c.t.length || at < c.t[0] - 1000 || at > c.t[c.t.length - 1] + 1000) { return; }
        var i = nearest(c.t, at);
        lines.push(c.metric + " " + unit(c.v[i]) + (c.limit ? " (" + Math.round(c.v[i] / c.limit * 100) + "% of " + unit(c.limit) + ")" : "") + " at " + clock(z.from + c.t[i], 1));
      });
      showTip(lines.join("\n"), e.clientX, e.clientY);
    });
    main.addEventListener("pointerleave", function () { cross.setAttribute("visibility", "hidden"); hideTip(); });
  }

  // Sorting.
  each("table.sortable", function (table) {
    var body = table.tBodies[0];
    each("th", function (th) {
      var button = document.createElement("button"), col = th.cellIndex;
      button.type = "button";
      while (th.firstChild) { button.appendChild(th.firstChild); }
      th.appendChild(button);
      button.addEventListener("click", function () {
        var down = th.getAttribute("aria-sort") === "ascending", key = function (tr) { var td = tr.cells[col]; return td.dataset.v !== undefined ? +td.dataset.v : td.textContent; };
        var rows = Array.prototype.slice.call(body.rows);
        rows.sort(function (a, b) {
          var x = key(a), y = key(b), c = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y), "en", { numeric: true });
          return down ? -c : c;
        });
        rows.forEach(function (tr) { body.appendChild(tr); });
        each("th", function (o) { o.removeAttribute("aria-sort"); }, table);
        th.setAttribute("aria-sort", down ? "descending" : "ascending");
      });
    }, table.tHead);
  });

  // Searching the flame graph.
  var field = document.getElementById("flame-search"), flame = document.querySelector("svg.flame"), found = document.getElementById("flame-found");
  if (field && flame && flame.flame) {
    field.addEventListener("input", function () {
      var got = flame.flame.search(field.value);
      found.textContent = field.value.trim() === "" ? "" : got.count + (got.count === 1 ? " frame, " : " frames, ") + Math.round(got.share * 100) + "% of what changed";
    });
  }
})();
