/* Search in the browser: an index of terms, scored like BM25. See static_index.py for its form. */
(function () {
  "use strict";
  var form = document.querySelector("form[data-index]");
  if (!form) return;
  var box = form.querySelector("input"), told = form.querySelector("output");
  var list = form.querySelector("ul"), words = form.dataset, index = null, asked = false;
  var RUN = /[ぁ-ゖァ-ヶー々〇㐀-鿿]+|(?:(?![ぁ-ゖァ-ヶー々〇㐀-鿿])[\p{L}\p{N}])+/gu;
  var PAIRED = /^[ぁ-ゖァ-ヶー々〇㐀-鿿]/, ENDINGS = /^[ぁ-ゖ]+$/;
  var MOST = 30, K = 1.4, B = 0.5, waits;

  /* Katakana as hiragana. */
  function folded(text) {
    return text.replace(/[\u30a1-\u30f6]/g, function (char) {
      return String.fromCharCode(char.charCodeAt(0) - 0x60);
    });
  }

  /* The terms of a query. A pair is compared whole, a word or a single character by its beginning.
     Pairs of hiragana and short words are endings and particles mostly, and count less. */
  function termsOf(text) {
    var found = new Map();
    function add(part, open) {
      var term = folded(part), counts = ENDINGS.test(part) || /^[a-z]{1,2}$/.test(part) ? 0.3 : 1;
      if (!found.has(term) && found.size < 60) found.set(term, { text: term, open: open, counts: counts });
    }
    (text.normalize("NFKC").toLowerCase().match(RUN) || []).forEach(function (run) {
      if (!PAIRED.test(run)) add(run.slice(0, 40), true);
      else if (run.length === 1) add(run, true);
      else for (var at = 0; at < run.length - 1; at++) add(run.slice(at, at + 2), false);
    });
    return Array.from(found.values());
  }

  function first(keys, text) {
    var low = 0, high = keys.length;
    while (low < high) {
      var middle = (low + high) >> 1;
      if (keys[middle] < text) low = middle + 1; else high = middle;
    }
    return low;
  }

  /* The terms of the index that begin like a term of the query, with how well they fit. */
  function beginning(text, open, fit) {
    var found = [], keys = index.keys;
    for (var at = first(keys, text); at < keys.length && found.length < 200; at++) {
      if (keys[at] === text) found.push([keys[at], fit]);
      else if (open && keys[at].indexOf(text) === 0) {
        if (text.length > 1 || PAIRED.test(text)) found.push([keys[at], 0.6 * fit]);
      } else break;
    }
    return found;
  }

  /* What a term means: itself, else its beginning, so that "cancelling" finds "cancel". */
  function meant(term) {
    var found = beginning(term.text, term.open, 1), shortest = Math.max(4, term.text.length * 0.6);
    for (var end = term.text.length - 1; term.open && !found.length && end >= shortest; end--) {
      found = beginning(term.text.slice(0, end), true, 0.5);
    }
    return found;
  }

  /* How well each article fits a term; of the words that it means, the best one counts. */
  function scored(term) {
    var scores = {};
    meant(term).forEach(function (one) {
      var parts = index.terms.get(one[0]).split(" "), number = 0, all = index.docs.length;
      var rare = Math.log(1 + (all - parts.length + 0.5) / (parts.length + 0.5));
      parts.forEach(function (part) {
        var pair = part.split(".");
        number += parseInt(pair[0], 36);
        var often = pair[1] ? parseInt(pair[1], 36) : 1;
        var long = 1 - B + B * index.lengths[number] / index.mean;
        var score = one[1] * rare * often * (K + 1) / (often + K * long);
        scores[number] = Math.max(scores[number] || 0, score);
      });
    });
    return scores;
  }

  function search(text) {
    var sums = {}, counts = {}, all = 0;
    termsOf(text).forEach(function (term) {
      var scores = scored(term);
      all += term.counts;
      Object.keys(scores).forEach(function (number) {
        sums[number] = (sums[number] || 0) + scores[number] * term.counts;
        counts[number] = (counts[number] || 0) + term.counts;
      });
    });
    return Object.keys(sums).filter(function (number) {
      return counts[number] * 2 >= all;
    }).map(function (number) {
      var part = counts[number] / all;
      return { doc: index.docs[number], score: sums[number] * part * part };
    }).sort(function (a, b) { return b.score - a.score; });
  }

  function show() {
    var text = box.value.trim(), found;
    list.textContent = "";
    told.textContent = "";
    if (!text || !index) return;
    found = search(text);
    told.textContent = found.length === 0 ? words.none
      : found.length === 1 ? words.one : words.many.replace("{n}", found.length);
    found.slice(0, MOST).forEach(function (one) {
      var item = document.createElement("li"), link = document.createElement("a");
      link.href = words.root + one.doc[1];
      link.textContent = one.doc[0];
      item.appendChild(link);
      if (one.doc[2]) {
        var said = document.createElement("p");
        said.textContent = one.doc[2];
        item.appendChild(said);
      }
      list.appendChild(item);
    });
  }

  /* Called by the index, which is a script, so that it also loads from a folder of files. */
  window.kbSearch = function (given) {
    index = given;
    index.terms = new Map(Object.entries(given.terms));
    index.keys = Array.from(index.terms.keys()).sort();
    index.mean = given.lengths.reduce(function (a, b) { return a + b; }, 0) / given.lengths.length || 1;
    show();
  };

  function load() {
    if (asked) return;
    asked = true;
    var script = document.createElement("script");
    script.src = words.index;
    script.onerror = function () { asked = false; };
    document.head.appendChild(script);
  }

  box.addEventListener("focus", load);
  box.addEventListener("input", function () {
    load();
    clearTimeout(waits);
    waits = setTimeout(show, 120);
  });
  form.addEventListener("submit", function (event) {
    event.preventDefault();
    clearTimeout(waits);
    show();
    var link = list.querySelector("a");
    if (link) link.focus();
  });

  /* Arrows move through the results, Escape goes back to the box and then empties it. */
  form.addEventListener("keydown", function (event) {
    var links = Array.from(list.querySelectorAll("a")), at = links.indexOf(document.activeElement);
    if (event.isComposing) return;
    if (event.key === "ArrowDown" && at + 1 < links.length) links[at + 1].focus();
    else if (event.key === "ArrowUp" && at >= 0) (links[at - 1] || box).focus();
    else if (event.key === "Escape" && at >= 0) box.focus();
    else if (event.key === "Escape" && box.value) { box.value = ""; show(); }
    else return;
    event.preventDefault();
  });
  document.addEventListener("keydown", function (event) {
    if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey) return;
    event.preventDefault();
    box.focus();
  });
  form.hidden = false;
  if (document.activeElement === box || box.value) { load(); }
})();
