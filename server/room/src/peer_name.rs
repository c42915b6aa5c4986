//! Names of people: the form that a room shows, and which of them look the same.
//!
//! A name is for people, who cannot tell `Аda` with a Cyrillic A from `Ada`. So it has one form (NFKC) without characters that nobody sees, and
//! names that look the same (UTS 39, "confusable") cannot be in a room at the same time.

use std::iter::Peekable;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{canonical_combining_class, is_combining_mark};
use unicode_security::confusable_detection::skeleton;

use super::name::{self, fold};
use super::refusal::Refusal;

/// Marks on one letter that stack, such as accents: Vietnamese needs two.
const MAX_ACCENTS: usize = 2;
/// A Hebrew letter may have a dot of its own, a dagesh and a vowel.
const MAX_HEBREW_POINTS: usize = 3;
/// All marks on one letter: Burmese needs four, of which two stack.
const MAX_MARKS: usize = 4;

/// A valid name of a peer.
#[derive(Clone, Debug)]
pub struct PeerName {
    shown: String,
    /// Two skeletons (UTS 39 4): of the name in one case, and of the name as it is written, in one case then. The other case may look
    /// like another letter: `demO` as `dem0`, and `paypaI` as `paypal`.
    skeletons: [String; 2],
}

impl PeerName {
    /// # Errors
    /// No visible character is in the text, it is too long, or it has control characters.
    pub fn new(text: &str) -> Result<Self, Refusal> {
        let shown = name::checked_peer(&visible(&name::checked_peer(text)?))?;
        let in_one_case = skeleton(&fold(&shown)).collect();
        let as_written = fold(&skeleton(&shown).collect::<String>());
        Ok(Self {
            shown,
            skeletons: [in_one_case, as_written],
        })
    }

    /// NFKC, without invisible characters, with single spaces.
    pub fn as_str(&self) -> &str {
        &self.shown
    }

    /// Whether people would take one for the other: they differ in case only, or look the same.
    pub fn resembles(&self, other: &Self) -> bool {
        let mut pairs = self.skeletons.iter().zip(&other.skeletons);
        pairs.any(|(mine, theirs)| mine == theirs)
    }
}

fn visible(name: &str) -> String {
    let mut kept = String::with_capacity(name.len());
    let mut chars = name.nfkd().peekable();
    // So many more may follow. Nothing can carry a mark at the start and after a space.
    let (mut accents, mut marks) = (0, 0);
    while let Some(c) = chars.next() {
        if is_invisible(c) {
            let before = kept.chars().last();
            if joins_emoji(c, before, &mut chars) || joins_letters(c, before, &mut chars) {
                kept.push(c);
            }
        } else if c.is_whitespace() {
            (accents, marks) = (0, 0);
            kept.push(' ');
        } else if !is_combining_mark(c) {
            let is_hebrew = matches!(c, '\u{5d0}'..='\u{5f2}');
            accents = if is_hebrew {
                MAX_HEBREW_POINTS
            } else {
                MAX_ACCENTS
            };
            marks = MAX_MARKS;
            kept.push(c);
        } else {
            let stacks = canonical_combining_class(c) != 0;
            if marks > 0 && !(stacks && accents == 0) {
                marks -= 1;
                accents -= usize::from(stacks);
                kept.push(c);
            }
        }
    }
    let words: Vec<&str> = kept.split_whitespace().collect();
    words.join(" ").nfc().collect()
}

/// Default_Ignorable_Code_Point of Unicode, annotations, and signs without ink. NFKD has replaced some others by these.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffc}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d159}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Joiners and selectors of emoji sequences (UTS 51): families, professions, flags of regions.
fn joins_emoji(
    c: char,
    before: Option<char>,
    after: &mut Peekable<impl Iterator<Item = char>>,
) -> bool {
    match (c, before) {
        ('\u{fe0f}', Some(before)) => is_pictograph(before),
        ('\u{200d}', Some(before)) => {
            (is_pictograph(before) || before == '\u{fe0f}')
                && after.peek().copied().is_some_and(is_pictograph)
        }
        ('\u{e0020}'..='\u{e007f}', Some('\u{1f3f4}' | '\u{e0020}'..='\u{e007e}')) => true,
        _ => false,
    }
}

/// Between letters of scripts that join them, such as Persian and Hindi, the joiners change how these look (Unicode Standard 23.2). Between others they
/// are invisible. The skeletons have none.
fn joins_letters(
    c: char,
    before: Option<char>,
    after: &mut Peekable<impl Iterator<Item = char>>,
) -> bool {
    matches!(c, '\u{200c}'..='\u{200d}')
        && before.is_some_and(is_joined)
        && after
            .peek()
            .is_some_and(|after| is_joined(*after) && !is_combining_mark(*after))
}

/// Letters and marks of the blocks from Arabic to Sinhala, and of Mongolian.
fn is_joined(c: char) -> bool {
    matches!(c, '\u{620}'..='\u{dff}' | '\u{1820}'..='\u{18aa}')
        && (c.is_alphabetic() || is_combining_mark(c))
}

/// Blocks that have emoji, without that of Braille.
fn is_pictograph(c: char) -> bool {
    matches!(c, '\u{2190}'..='\u{27ff}' | '\u{2900}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What people have tried to be somebody else in a chat.
    const LOOK_ALIKES: [(&str, &str); 34] = [
        ("another case", "aLICE Cole"),
        ("capitals", "ALICE COLE"),
        ("Cyrillic A", "\u{410}lice Cole"),
        ("Greek Alpha", "\u{391}lice Cole"),
        ("Cherokee Go", "\u{13aa}lice Cole"),
        ("Cyrillic i", "Al\u{456}ce Cole"),
        ("Cyrillic es", "Ali\u{441}e Cole"),
        ("Cyrillic ie", "Alic\u{435} Cole"),
        ("Cyrillic o", "Alice C\u{43e}le"),
        ("Greek omicron", "Alice C\u{3bf}le"),
        ("Armenian oh", "Alice C\u{585}le"),
        ("palochka", "A\u{4cf}ice Cole"),
        ("a one", "A1ice Cole"),
        ("a capital i", "AIice Cole"),
        ("a vertical bar", "A|ice Cole"),
        ("a zero", "Alice C0le"),
        ("dotless i", "Al\u{131}ce Cole"),
        ("Roman numeral", "Al\u{2170}ce Cole"),
        (
            "full width",
            "\u{ff21}\u{ff4c}\u{ff49}\u{ff43}\u{ff45} Cole",
        ),
        (
            "mathematical bold",
            "\u{1d400}\u{1d425}\u{1d422}\u{1d41c}\u{1d41e} Cole",
        ),
        ("script", "\u{1d49c}lice Cole"),
        ("circled", "\u{24b6}lice Cole"),
        ("no-break space", "Alice\u{a0}Cole"),
        ("ideographic space", "Alice\u{3000}Cole"),
        ("two spaces", "Alice  Cole"),
        ("zero-width space", "Al\u{200b}ice Cole"),
        ("zero-width joiner", "Al\u{200d}ice Cole"),
        ("left-to-right mark", "\u{200e}Alice Cole"),
        ("soft hyphen", "Ali\u{ad}ce Cole"),
        ("grapheme joiner", "Alice\u{34f} Cole"),
        ("variation selector", "Alice Cole\u{fe0f}"),
        ("tag letters", "Alice Cole\u{e0061}"),
        ("Hangul filler", "Alice Cole\u{3164}"),
        ("Braille blank", "Alice Cole\u{2800}"),
    ];

    fn shown(name: &str) -> String {
        PeerName::new(name).unwrap().as_str().to_owned()
    }

    fn resemble(a: &str, b: &str) -> bool {
        PeerName::new(a)
            .unwrap()
            .resembles(&PeerName::new(b).unwrap())
    }

    #[test]
    fn names_that_look_the_same_are_the_same() {
        let passed: Vec<&str> = LOOK_ALIKES
            .into_iter()
            .filter(|(_, name)| !resemble(name, "Alice Cole"))
            .map(|(how, _)| how)
            .collect();
        assert_eq!(passed, [""; 0]);
        for (a, b) in [
            ("demO", "dem0"),
            ("paypaI", "paypal"),
            ("PAYPAL", "рауРаl"),
            ("Ian", "ian"),
            ("mona", "rnona"),
            ("ΟΔΟΣ", "οδος"),
            ("STRASSE", "straße"),
            ("می\u{200c}خواهم", "میخواهم"),
            ("क्\u{200d}ष", "क्ष"),
            ("क्\u{200c}ष", "क्\u{200d}ष"),
        ] {
            assert!(resemble(a, b), "{a} {b}");
        }
    }

    #[test]
    fn names_that_differ_are_different() {
        for (a, b) in [
            ("Ann", "Anna"),
            ("Ada", "Adá"),
            ("peer1", "peer2"),
            ("张伟", "张玮"),
            ("Ivan", "Иван"),
            ("Jose", "José"),
            ("👩", "👨"),
            ("می\u{200c}خواهم", "می\u{200c}خواهد"),
            ("Ada Lee", "Ada Lea"),
        ] {
            assert!(!resemble(a, b), "{a} {b}");
        }
    }

    #[test]
    fn names_of_every_script_stay_as_they_are() {
        for name in [
            "Zoë Núñez",
            "Nguyễn Thị Ánh",
            "Łukasz",
            "Σωκράτης",
            "Владимир",
            "张 三",
            "さくら",
            "김민준",
            "สมชาย น้ำ",
            "မြို့သူ",
            "कृष्णा",
            "محمد",
            "שָׁלוֹם",
            "שָּׁמַיִם",
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            "क्\u{200c}ष",
            "ශ්\u{200d}රී",
            "👨‍👩‍👧",
            "👩🏽‍⚕️ Kim",
            "❤️",
            "🏳️‍🌈",
            "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
        ] {
            let form: String = name.nfkc().collect();
            assert_eq!(shown(name), form, "{name}");
        }
    }

    #[test]
    fn a_letter_carries_two_accents() {
        let towering = format!("Z{}o", "\u{301}\u{302}\u{316}".repeat(5));
        let cut = shown(&towering);
        let marks = |name: &str| name.nfd().filter(|c| is_combining_mark(*c)).count();
        assert_eq!(marks(&cut), 2, "{cut:?}");
        let again = format!("a{0} b{0}", "\u{301}".repeat(9));
        assert_eq!(marks(&shown(&again)), 4, "two for each letter");
        let thai = format!("ก{}", "\u{e47}".repeat(12));
        assert_eq!(marks(&shown(&thai)), MAX_MARKS);
        let hebrew = format!("ש{}", "\u{5b8}\u{5bc}\u{5c1}".repeat(3));
        assert_eq!(marks(&shown(&hebrew)), MAX_HEBREW_POINTS);
        assert_eq!(shown("\u{301}a"), "a", "a mark needs a letter");
    }

    #[test]
    fn joiners_stay_between_letters_that_they_join() {
        for (name, form) in [
            ("Al\u{200c}ice", "Alice"),
            ("\u{200c}می", "می"),
            ("می\u{200c}", "می"),
            ("می\u{200c} خوا", "می خوا"),
            ("می\u{200c}a", "میa"),
            ("می\u{200c}\u{200c}\u{200d}خوا", "می\u{200d}خوا"),
            ("می\u{200c}\u{64b}\u{64b}\u{64b}", "می\u{64b}\u{64b}"),
            ("م\u{200b}ی", "می"),
            ("👨\u{200d}\u{2800}", "👨"),
        ] {
            assert_eq!(shown(name), form, "{name:?}");
        }
    }

    #[test]
    fn a_name_without_ink_and_one_that_grows_are_refused() {
        for name in [
            "\u{3164}",
            "\u{2800}\u{2800}",
            "\u{200d}\u{fe0f}",
            "\u{301}",
        ] {
            let refusal = PeerName::new(name).unwrap_err();
            assert!(
                refusal.sentence.contains("empty"),
                "{name:?}: {}",
                refusal.sentence
            );
        }
        let grows = PeerName::new("\u{fdfa}\u{fdfa}").unwrap_err();
        assert!(grows.sentence.contains("longer"), "{}", grows.sentence);
    }
}
