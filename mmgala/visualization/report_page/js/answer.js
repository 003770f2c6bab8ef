// What was found, in words, before anything else.

function drawAnswer() {
  document.getElementById('answer-lines').replaceChildren(
    ...report.answer.flatMap(({ heading, text, command }, k) => [
      // One heading for several lines of a topic.
      element('dt', { text: report.answer[k - 1]?.heading === heading ? '' : heading }),
      element('dd', {}, [
        element('p', { text: text.replaceAll(' %', '\u00a0%') }),
        ...(command ? [element('code', { text: command })] : []),
      ]),
    ]),
  );
  const note = document.getElementById('answer-note');
  note.textContent = report.answer_note ?? '';
  note.hidden = !report.answer_note;
}

parts.push({
  id: 'answer-lines',
  available: () => (report.answer ?? []).length > 0,
  start: drawAnswer,
});
