"""Domain adaptation: labels in one domain (the source), examples of another (the target).

Every method is an :class:`~headstart.adaptation.domains.Adapter`: from the features of two domains
and the labels of the source to one head per domain. Labels of the target have no place in it.
"""
