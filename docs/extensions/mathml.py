"""Formulas as MathML, which browsers show without a script and without a network."""

from xml.etree import ElementTree

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

HAT = 'ˆ'
NAMESPACE = 'http://www.w3.org/1998/Math/MathML'


def mathml(tex: str, as_block: bool = False) -> str:
    """MathML of a formula. Docutils would put the index of a hatted letter below it."""
    text = tex2mathml(tex, as_block=as_block).replace('&ApplyFunction;', '&#8289;')
    root = ElementTree.fromstring(text)
    for node in root.iter():
        if node.tag.endswith('munderover') and node[2].text == HAT:
            letter, index, hat = node
            node.tag = node.tag.replace('munderover', 'msub')
            hatted = ElementTree.Element(node.tag.replace('msub', 'mover'))
            hatted.extend([letter, hat])
            node[:] = [hatted, index]
    ElementTree.register_namespace('', NAMESPACE)
    return ElementTree.tostring(root, encoding='unicode')


def write_inline(writer: HTML5Translator, node: nodes.math) -> None:
    """A formula within a line."""
    writer.body.append(mathml(node.astext()))
    raise nodes.SkipNode


def write_block(writer: HTML5Translator, node: nodes.math_block) -> None:
    """A formula on lines of its own, which scrolls where the screen is narrow."""
    formula = mathml(node.astext(), as_block=True)
    writer.body.append(f'<div class="formula">{formula}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer that `html_math_renderer` names."""
    app.add_html_math_renderer('mathml', (write_inline, None), (write_block, None))
    return {'parallel_read_safe': True, 'parallel_write_safe': True}
