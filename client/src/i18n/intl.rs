//! Numbers with their units, plurals and times as a language writes them: `Intl` of the browser (ECMA-402). Outside of one, in tests, they are plain.

use super::Lang;
use crate::state::decimal::decimal;

/// A unit of CLDR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    Byte,
    Kilobyte,
    Megabyte,
    Gigabyte,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Byte => "byte",
            Self::Kilobyte => "kilobyte",
            Self::Megabyte => "megabyte",
            Self::Gigabyte => "gigabyte",
        }
    }
}

/// With digits in groups, and this many decimals.
pub fn number(value: f64, decimals: u8, lang: Lang) -> String {
    let digits = decimal(decimals.into(), 0);
    let options = [
        ("minimumFractionDigits", &*digits),
        ("maximumFractionDigits", &digits),
    ];
    let text = format(lang, "NumberFormat", &options, "format", value, "");
    text.unwrap_or_else(|| decimal(value, decimals.into()))
}

/// A number and its unit: `5 sec`, `1.2 MB`.
pub fn quantity(value: f64, decimals: u8, unit: Unit, lang: Lang) -> String {
    let digits = decimal(decimals.into(), 0);
    let options = [
        ("style", "unit"),
        ("unit", unit.name()),
        // The short name of a byte has no plural.
        (
            "unitDisplay",
            if unit == Unit::Byte { "long" } else { "short" },
        ),
        ("minimumFractionDigits", &digits),
        ("maximumFractionDigits", &digits),
    ];
    let text = format(lang, "NumberFormat", &options, "format", value, "");
    text.unwrap_or_else(|| format!("{} {}", decimal(value, decimals.into()), unit.name()))
}

/// How far a time is from now: `in 3 seconds`, `yesterday`.
pub fn relative(value: f64, unit: Unit, lang: Lang) -> String {
    let options = [("numeric", "auto")];
    let text = format(
        lang,
        "RelativeTimeFormat",
        &options,
        "format",
        value,
        unit.name(),
    );
    text.unwrap_or_else(|| format!("{} {}", decimal(value, 0), unit.name()))
}

/// An English noun with its number: `1 stream`, `2 streams`. Chinese has one form.
pub fn counted(count: u32, one: &str, other: &str) -> String {
    let form = format(Lang::En, "PluralRules", &[], "select", count.into(), "");
    let is_one = form.map_or(count == 1, |form| form == "one");
    let number = number(count.into(), 0, Lang::En);
    format!("{number} {}", if is_one { one } else { other })
}

/// Hours and minutes in the reader's time zone. Of thousands of messages, the browser is asked for its rules once.
#[derive(Debug, Default)]
pub struct TimeOfDay(Option<(Lang, Formatter)>);

impl TimeOfDay {
    /// Of milliseconds since 1970.
    pub fn format(&mut self, at_ms: u64, lang: Lang) -> String {
        if self.0.as_ref().is_none_or(|(known, _)| *known != lang) {
            let options = [("hour", "numeric"), ("minute", "2-digit")];
            let formatter = formatter(lang, "DateTimeFormat", &options);
            self.0 = formatter.map(|formatter| (lang, formatter));
        }
        let text = self
            .0
            .as_ref()
            .and_then(|(_, formatter)| call(formatter, "format", at_ms as f64, ""));
        text.unwrap_or_default()
    }
}

/// A day, of its number since 1970.
pub fn date(day: u64, lang: Lang) -> String {
    let options = [("dateStyle", "long"), ("timeZone", "UTC")];
    let at_ms = (day * 24 * 60 * 60_000) as f64;
    let text = format(lang, "DateTimeFormat", &options, "format", at_ms, "");
    text.unwrap_or_default()
}

/// `new Intl[class](locale, options)[method](value, unit)`. `None` for what the browser does not know.
fn format(
    lang: Lang,
    class: &str,
    options: &[(&str, &str)],
    method: &str,
    value: f64,
    unit: &str,
) -> Option<String> {
    call(&formatter(lang, class, options)?, method, value, unit)
}

/// An object of `Intl`; outside of a browser there is none.
#[cfg(target_arch = "wasm32")]
type Formatter = wasm_bindgen::JsValue;
#[cfg(not(target_arch = "wasm32"))]
type Formatter = std::convert::Infallible;

#[cfg(target_arch = "wasm32")]
fn formatter(lang: Lang, class: &str, options: &[(&str, &str)]) -> Option<Formatter> {
    use js_sys::{Array, Object, Reflect};

    let class = function(&get(&js_sys::global(), "Intl")?, class)?;
    let object = Object::new();
    for (name, value) in options {
        Reflect::set(&object, &(*name).into(), &(*value).into()).ok()?;
    }
    // A tag of the system, as `en-US@posix`, may be none of ECMA-402.
    let tags = [own_tag(lang), Some(lang.tag().to_owned())];
    tags.into_iter()
        .flatten()
        .find_map(|tag| Reflect::construct(&class, &Array::of2(&tag.into(), &object)).ok())
}

#[cfg(not(target_arch = "wasm32"))]
fn formatter(_: Lang, _: &str, _: &[(&str, &str)]) -> Option<Formatter> {
    None
}

#[cfg(target_arch = "wasm32")]
fn call(formatter: &Formatter, method: &str, value: f64, unit: &str) -> Option<String> {
    let method = function(formatter, method)?;
    let text = method.call2(formatter, &value.into(), &unit.into()).ok()?;
    text.as_string()
}

#[cfg(not(target_arch = "wasm32"))]
fn call(formatter: &Formatter, _: &str, _: f64, _: &str) -> Option<String> {
    match *formatter {}
}

#[cfg(target_arch = "wasm32")]
fn get(target: &wasm_bindgen::JsValue, name: &str) -> Option<wasm_bindgen::JsValue> {
    js_sys::Reflect::get(target, &name.into()).ok()
}

#[cfg(target_arch = "wasm32")]
fn function(target: &wasm_bindgen::JsValue, name: &str) -> Option<js_sys::Function> {
    Some(wasm_bindgen::JsCast::unchecked_into(get(target, name)?))
}

/// The browser's own variant of the language, as `en-GB`, which writes dates in its way.
#[cfg(target_arch = "wasm32")]
fn own_tag(lang: Lang) -> Option<String> {
    let tags = web_sys::window()?.navigator().languages();
    let mut tags = tags.iter().filter_map(|tag| tag.as_string());
    tags.find(|tag| is_variant(tag, lang))
}

/// The tag is one of the language as the page writes it: Chinese in simplified characters.
#[cfg(any(test, target_arch = "wasm32"))]
fn is_variant(tag: &str, lang: Lang) -> bool {
    const TRADITIONAL: [&str; 4] = ["hant", "tw", "hk", "mo"];
    let is_traditional = |part: &str| TRADITIONAL.iter().any(|one| one.eq_ignore_ascii_case(part));
    Lang::from_tag(tag) == Some(lang) && !tag.split('-').any(is_traditional)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_noun_agrees_with_its_number() {
        for (count, text) in [(0, "0 streams"), (1, "1 stream"), (2, "2 streams")] {
            assert_eq!(counted(count, "stream", "streams"), text);
        }
    }

    #[test]
    fn chinese_is_written_as_where_characters_are_simplified() {
        for tag in ["zh", "zh-CN", "zh-Hans-SG"] {
            assert!(is_variant(tag, Lang::Zh), "{tag}");
        }
        for tag in ["zh-TW", "zh-Hant", "zh-hk", "zh-Hant-MO", "en-GB"] {
            assert!(!is_variant(tag, Lang::Zh), "{tag}");
        }
        assert!(is_variant("en-GB", Lang::En));
    }
}
