"""What a model says when it is not certain: sets of classes instead of one, or no answer at all.

`conformal` makes prediction sets that hold the true class as often as promised; `selective` finds the confidence under
which a model had better not answer.
"""
