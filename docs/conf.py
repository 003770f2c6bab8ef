"""The documentation site: `make docs` builds it, with every warning an error.

Nothing is fetched while it is built, and the built pages need no network.
"""

import os
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS.parent), str(DOCS / 'extensions')]

from mmgala.version import __version__  # noqa: E402

project = 'mmgala'
author = 'the contributors of mmgala'
copyright = '2026, the contributors of mmgala'
version = release = __version__

extensions = [
    'myst_parser',
    'sphinx.ext.autodoc',
    'sphinx.ext.autosummary',
    'sphinx.ext.napoleon',
    'sphinx.ext.viewcode',
    'sphinx_copybutton',
    # In docs/extensions:
    'code_references',
    'mathml',
    'public_names',
    'repository_files',
]
exclude_patterns = ['_build']
root_doc = 'index'  # README.md
contents = {
    'Get started': [
        'install',
        'Your own data <own_data>',
        'guide',
        'command',
    ],
    'How to': [
        'compare',
        'rebalance',
        'deploy',
        'analysis',
        'Detection <detection>',
        'many_classes',
        'Any PyTorch loop <plain_pytorch>',
        'Examples <examples>',
    ],
    'The method': [
        'method',
        'gala_in_practice',
        'better_gala',
        'faq',
    ],
    'Results': [
        'benchmarks',
        'CIFAR100-LT <cifar100_lt>',
        'PlanktonSet <plankton>',
        "The paper's recipes <recipes>",
        'Detection configs <detection_configs>',
        'Collages in LVIS format <collage_lvis>',
        "What GALA's statistics measure <gala_study>",
        'Reliability <reliability>',
    ],
    'Reference': ['components', 'api/index', 'architecture'],
    'Project': ['contributing', 'versioning', 'changelog', 'security'],
}


# Pages are read on the forge as well: plain Markdown, and links between files.
myst_enable_extensions = ['dollarmath']
myst_heading_anchors = 4
repository_address = os.environ.get('MMGALA_REPOSITORY', '').rstrip('/')

nitpicky = True
nitpick_ignore_regex = [
    # Other libraries: their inventories would have to be downloaded.
    (
        'py:.*',
        r'(torch|torchvision|numpy|np|mmengine|mmpretrain|mmdet|mmcv|matplotlib|plotly|'
        r'rich|abc|collections|pathlib|typing|types|argparse|logging|Tensor)(\..*)?',
    ),
]
autodoc_member_order = 'bysource'
autodoc_typehints = 'description'
autodoc_typehints_description_target = 'documented_params'
autodoc_inherit_docstrings = False
autosummary_generate = False
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
default_role = 'code'

html_theme = 'furo'
html_title = f'mmgala {release}'
html_static_path = ['_static']
html_css_files = ['site.css']
html_math_renderer = 'mathml'
html_show_sphinx = False
html_copy_source = False
copybutton_exclude = '.linenos, .gp, .go'
