"""Files to arrays: pictures, DICOM, waveforms; what cannot be read is told with its reason."""
