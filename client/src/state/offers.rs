//! What the browser keeps of the files that this side has offered: how to recognize one that is chosen again after a reload, and which are withdrawn.

use shared::chat::FileInfo;

/// Bytes at the beginning of a file by which it is recognized, besides its name and size.
pub const HEAD_BYTES: u64 = 64 * 1024;
/// Limit on the offers; the oldest are dropped first.
const MAX_OFFERS: usize = 2_000;
/// Stands for a hash.
const WITHDRAWN: &str = "withdrawn";

/// Saved as lines: the number of the message, then the SHA-256 of the first bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfferBook {
    offers: Vec<(u64, String)>,
}

impl OfferBook {
    /// Skips lines that it does not understand.
    pub fn parse(text: &str) -> Self {
        let offers = text.lines().filter_map(|line| {
            let (number, head) = line.split_once(' ')?;
            Some((number.parse().ok()?, head.to_owned()))
        });
        Self {
            offers: offers.take(MAX_OFFERS).collect(),
        }
    }

    pub fn text(&self) -> String {
        let lines = self.offers.iter();
        lines
            .map(|(number, head)| format!("{number} {head}\n"))
            .collect()
    }

    /// A file was offered. `head`: the SHA-256 of its first [`HEAD_BYTES`].
    pub fn insert(&mut self, number: u64, head: &str) {
        if !self.is_withdrawn(number) {
            self.set(number, head);
        }
    }

    pub fn withdraw(&mut self, number: u64) {
        self.set(number, WITHDRAWN);
    }

    fn set(&mut self, number: u64, head: &str) {
        match self.offers.iter_mut().find(|(other, _)| *other == number) {
            Some(offer) => head.clone_into(&mut offer.1),
            None => self.offers.push((number, head.to_owned())),
        }
        if self.offers.len() > MAX_OFFERS {
            // What is withdrawn stays so, as long as there are others.
            let mut offers = self.offers.iter();
            let oldest = offers.position(|(_, head)| head != WITHDRAWN);
            self.offers.remove(oldest.unwrap_or(0));
        }
    }

    pub fn is_withdrawn(&self, number: u64) -> bool {
        self.find(number) == Some(WITHDRAWN)
    }

    /// The numbers of the offers that are withdrawn.
    pub fn withdrawn(&self) -> impl Iterator<Item = u64> {
        let all = self.offers.iter();
        all.filter(|(_, head)| head == WITHDRAWN)
            .map(|(number, _)| *number)
    }

    fn find(&self, number: u64) -> Option<&str> {
        let offer = self.offers.iter().find(|(other, _)| *other == number);
        offer.map(|(_, head)| head.as_str())
    }

    /// Whether a file is the one that was offered with this number. `head`: as in [`OfferBook::insert`]. An offer of an earlier version, whose first
    /// bytes are not known, is recognized by name and size.
    pub fn is_same(&self, number: u64, offered: &FileInfo, chosen: &FileInfo, head: &str) -> bool {
        let alike = offered.name == chosen.name && offered.size == chosen.size;
        alike && self.find(number).is_none_or(|known| known == head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(name: &str, size: u64) -> FileInfo {
        FileInfo {
            name: name.into(),
            size,
            mime: String::new(),
        }
    }

    #[test]
    fn a_file_is_recognized_by_name_size_and_first_bytes() {
        let mut book = OfferBook::default();
        book.insert(7, "aa");
        let book = OfferBook::parse(&book.text());
        let offered = info("a.bin", 9);
        assert!(book.is_same(7, &offered, &offered, "aa"));
        assert!(!book.is_same(7, &offered, &offered, "bb"), "edited");
        assert!(!book.is_same(7, &offered, &info("b.bin", 9), "aa"));
        assert!(!book.is_same(7, &offered, &info("a.bin", 8), "aa"));
        assert!(book.is_same(8, &offered, &offered, "aa"), "not recorded");
    }

    #[test]
    fn what_is_withdrawn_stays_withdrawn() {
        let mut book = OfferBook::default();
        book.insert(7, "aa");
        book.withdraw(7);
        book.insert(7, "aa");
        book.withdraw(8);
        let book = OfferBook::parse(&book.text());
        assert_eq!(book.withdrawn().collect::<Vec<_>>(), [7, 8]);
        let offered = info("a.bin", 9);
        assert!(!book.is_same(7, &offered, &offered, "aa"));
    }

    #[test]
    fn a_damaged_or_endless_book_is_read_as_far_as_it_goes() {
        assert_eq!(
            OfferBook::parse("x aa\n7\n\n8 bb"),
            OfferBook::parse("8 bb\n")
        );
        let mut book = OfferBook::default();
        book.withdraw(0);
        for number in 1..=MAX_OFFERS as u64 {
            book.insert(number, "aa");
        }
        assert_eq!(book.offers.len(), MAX_OFFERS);
        assert!(book.is_withdrawn(0), "it stays withdrawn");
        assert_eq!(book.find(1), None, "the oldest is dropped");
        for number in 0..=MAX_OFFERS as u64 {
            book.withdraw(number);
        }
        assert_eq!(book.offers.len(), MAX_OFFERS);
    }
}
