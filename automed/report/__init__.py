"""The report room: artefacts of a run -> pages that open anywhere, without a network and without TensorFlow.

`facts` reads what the stages left behind into typed values, `figures` draws them, `pages` fills the templates.
"""
