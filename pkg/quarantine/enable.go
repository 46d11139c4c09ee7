package quarantine

// Enable takes down that a person enabled the entry, which was disabled. What else its policy allows anew waits as ever.
func (r *Record) Enable(by Means) {
	r.Policy.Off, r.Disabled = false, false
	r.decide("enable", by.How, by.By, nil)
}
