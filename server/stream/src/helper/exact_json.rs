//! JSON in which numbers keep each bit: a frame rate that differs in the last one would count as a change of the file.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Error, Value, json};

/// In place of a number with a fraction: the bits of the 64-bit float.
const BITS: &str = "f64_bits";

pub(super) fn to_vec(value: &impl Serialize) -> Result<Vec<u8>, Error> {
    let mut value = serde_json::to_value(value)?;
    each(&mut value, &|value| match value.as_f64() {
        Some(number) if value.is_f64() => *value = json!({ BITS: number.to_bits() }),
        _ => {}
    });
    serde_json::to_vec(&value)
}

pub(super) fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    let mut value = serde_json::from_slice(bytes)?;
    each(&mut value, &|value| {
        if let Some(bits) = value.get(BITS).and_then(Value::as_u64) {
            *value = f64::from_bits(bits).into();
        }
    });
    serde_json::from_value(value)
}

/// Changes each value, those inside others first.
fn each(value: &mut Value, change: &impl Fn(&mut Value)) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| each(value, change)),
        Value::Object(fields) => fields.values_mut().for_each(|value| each(value, change)),
        _ => {}
    }
    change(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_each_bit() {
        for step in 1..10_000_u32 {
            let number = f64::from(step) * 1000.0 / 1001.0 / 7.0;
            let sent = (Some(number), vec![number], u64::MAX, "text".to_owned());
            let bytes = to_vec(&sent).unwrap();
            let read: (Option<f64>, Vec<f64>, u64, String) = from_slice(&bytes).unwrap();
            assert_eq!(read, sent);
        }
    }
}
