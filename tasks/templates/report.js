"use strict";
// Pages and filters the questions. Without it every question is shown.
(function () {
  var SIZE = 10;
  var cards = Array.prototype.slice.call(document.querySelectorAll("#cards > .card"));
  var by = { set: find("by-set"), outcome: find("by-outcome"), judged: find("by-judged"), document: find("by-document") };
  var page = 0;

  function find(id) { return document.getElementById(id); }

  function obeys(card, rule) {
    var stating = card.dataset.stating.split(" ");
    return rule.split(" ").every(function (part) {
      if (!part) return true;
      return (stating.indexOf(part.slice(0, -1)) >= 0) === (part.slice(-1) === "+");
    });
  }

  function chosen() {
    return cards.filter(function (card) {
      return (!by.set.value || card.dataset.set === by.set.value)
        && (!by.document.value || card.dataset.document === by.document.value)
        && (!by.judged.value || card.dataset.judged.split(" ").indexOf(by.judged.value) >= 0)
        && obeys(card, by.outcome.value);
    });
  }

  function show() {
    var some = chosen();
    var pages = Math.max(1, Math.ceil(some.length / SIZE));
    page = Math.min(Math.max(page, 0), pages - 1);
    var visible = some.slice(page * SIZE, (page + 1) * SIZE);
    cards.forEach(function (card) { card.hidden = visible.indexOf(card) < 0; });
    find("count").textContent = some.length + " of " + cards.length + " questions";
    find("page-of").textContent = "Page " + (page + 1) + " of " + pages;
    find("previous").disabled = page === 0;
    find("next").disabled = page === pages - 1;
  }

  function turn(by_pages) {
    page += by_pages;
    show();
    find("filters").scrollIntoView();
  }

  function clear() {
    Object.keys(by).forEach(function (name) { by[name].value = ""; });
  }

  // A number of flips leads to its questions.
  function pick(link) {
    clear();
    by.set.value = link.dataset.set;
    by.outcome.value = link.dataset.outcome;
    turn(-page);
  }

  function follow() {
    var card = location.hash.indexOf("#q-") === 0 && find(location.hash.slice(1));
    if (!card) return;
    clear();
    page = Math.floor(cards.indexOf(card) / SIZE);
    show();
    card.scrollIntoView();
  }

  Object.keys(by).forEach(function (name) {
    by[name].addEventListener("change", function () { page = 0; show(); });
  });
  find("previous").addEventListener("click", function () { turn(-1); });
  find("next").addEventListener("click", function () { turn(1); });
  Array.prototype.forEach.call(document.querySelectorAll("a[data-outcome]"), function (link) {
    link.addEventListener("click", function (event) { event.preventDefault(); pick(link); });
  });
  window.addEventListener("hashchange", follow);
  find("filters").hidden = false;
  find("pager").hidden = cards.length <= SIZE;
  show();
  follow();
})();
