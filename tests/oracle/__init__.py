"""Physical histories played through the wire and the product, judged by what happened.

A history is a seeded row of things that people and power cuts do to one printer. The
virtual hardware turns it into the bytes of its wire; the real driver, `apply` and
store make events of them; the judge compares those with what physically happened and
could be observed. All time is virtual. `scripts/oracle` plays histories by the hour.
"""
