"use strict";

/* The page of one song, or of several with an index. */

const { songs } = pageData();
for (const each of songs) each.load = embeddedAudio;
/* The contents of the songs that are not shown. */
const parked = songs.map((_, index) => by(`song-${index}`)?.content);
const songButtons = [...document.querySelectorAll("[data-song]")];
let shown = 0;

/** Show another song. In another encode of the same one, the music goes on where it was. */
async function open(index) {
  const same = songs[index].song === songs[shown].song && index !== shown;
  const { playing, position } = player;
  if (index !== shown) {
    parked[shown] = document.createDocumentFragment();
    parked[shown].append(...by("song").childNodes);
    by("song").append(parked[index]);
    shown = index;
  }
  for (const button of songButtons) {
    button.setAttribute("aria-pressed", String(Number(button.dataset.song) === index));
    button.closest("li").classList.toggle("active", Boolean(button.closest("li").querySelector("[aria-pressed=true]")));
  }
  if (songButtons.length) {
    by("title").textContent = songs[index].title;
    by("playing").textContent = songs[index].title;
  }
  await compare(songs[index]);
  if (!same || shown !== index) return;
  player.seek(position);
  if (playing) player.play();
}

for (const button of songButtons) {
  button.addEventListener("click", () => {
    const index = Number(button.dataset.song);
    // So that a link can lead to a song; the entry page stays the one to go back to.
    history.replaceState(null, "", `#${index + 1}`);
    open(index);
  });
}
const wanted = Number(location.hash.slice(1)) - 1;
open(songs[wanted] ? wanted : 0);
