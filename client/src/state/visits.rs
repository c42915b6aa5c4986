//! The entries of the session history that were left: where a person was, for back and forward.

/// What was shown of an entry.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Place {
    /// The number of the entry, which the browser keeps as its state.
    pub entry: u32,
    pub scroll: f64,
    /// A selector of the focused element. Empty: none that can be found again.
    pub focus: String,
}

/// Entries of this document. After a reload they are forgotten, and the numbers go on.
#[derive(Clone, Debug, Default)]
pub struct Visits {
    /// The entry that is shown.
    pub now: u32,
    left: Vec<Place>,
}

impl Visits {
    pub fn new(now: u32) -> Self {
        Self {
            now,
            left: Vec::new(),
        }
    }

    /// Another entry is shown: one with this number, or a new one. Returns where a person was on it.
    pub fn visit(&mut self, leaving: Place, entry: Option<u32>) -> Option<Place> {
        self.left.retain(|place| place.entry != leaving.entry);
        self.left.push(leaving);
        if entry.is_none() {
            // A new entry replaces those after the one that is left.
            let last = self.now;
            self.left.retain(|place| place.entry <= last);
        }
        self.now = entry.unwrap_or(self.now + 1);
        let place = self.left.iter().find(|place| place.entry == self.now);
        place.cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goes to an entry, from one that was scrolled so far. Returns how far the entry is to be scrolled.
    fn go(visits: &mut Visits, scroll: f64, entry: Option<u32>) -> Option<f64> {
        let leaving = Place {
            entry: visits.now,
            scroll,
            focus: String::new(),
        };
        Some(visits.visit(leaving, entry)?.scroll)
    }

    #[test]
    fn back_and_forward_lead_to_where_a_person_was_and_a_new_page_to_its_top() {
        let mut visits = Visits::new(0);
        assert_eq!(go(&mut visits, 500.0, None), None);
        assert_eq!(go(&mut visits, 70.0, None), None);
        assert_eq!(visits.now, 2);
        assert_eq!(go(&mut visits, 9.0, Some(0)), Some(500.0));
        assert_eq!(go(&mut visits, 400.0, Some(2)), Some(9.0));
        assert_eq!(go(&mut visits, 0.0, Some(0)), Some(400.0));
        // What came after it is no longer in the history.
        assert_eq!(go(&mut visits, 0.0, None), None);
        assert_eq!(go(&mut visits, 0.0, None), None);
        assert_eq!(visits.now, 2);
    }

    #[test]
    fn an_entry_from_before_a_reload_is_shown_from_its_top() {
        let mut visits = Visits::new(7);
        assert_eq!(go(&mut visits, 30.0, Some(6)), None);
        assert_eq!(go(&mut visits, 0.0, Some(7)), Some(30.0));
    }
}
