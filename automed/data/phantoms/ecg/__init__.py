"""The ECG phantom: twelve leads of a heart that never beat, normal, with ST elevation or without P waves."""
