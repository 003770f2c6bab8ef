"""The methods that can be compared, by name."""

from mmgala.comparison.decoupled_methods import DECOUPLED
from mmgala.comparison.joint_methods import JOINT

CATALOGUE = {method.name: method for method in (*JOINT, *DECOUPLED)}
