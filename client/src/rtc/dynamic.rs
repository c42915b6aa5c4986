//! Objects and methods of the browser by name: for what web-sys lacks, and for what is used once, where a binding costs more bytes.

use js_sys::{Array, Function, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// A plain object.
pub fn object(fields: &[(&str, JsValue)]) -> JsValue {
    let object = js_sys::Object::new();
    for (name, value) in fields {
        set(&object, name, value);
    }
    object.into()
}

/// `undefined` also when `target` is no object.
pub fn get(target: &JsValue, name: &str) -> JsValue {
    Reflect::get(target, &name.into()).unwrap_or_default()
}

/// A browser that does not know the property ignores it.
pub fn set(target: &JsValue, name: &str, value: &JsValue) {
    let _ = Reflect::set(target, &name.into(), value);
}

/// Calls a method. Fails too when there is none of this name.
pub fn call(target: &JsValue, name: &str, arguments: &[JsValue]) -> Result<JsValue, JsValue> {
    let method: Function = get(target, name).unchecked_into();
    method.apply(target, &list(arguments))
}

fn list(items: &[JsValue]) -> Array {
    let list = Array::new();
    for item in items {
        list.push(item);
    }
    list
}

/// `new` of a class of the window. Fails too when the browser does not have it.
pub fn construct(class: &str, arguments: &[JsValue]) -> Result<JsValue, JsValue> {
    let class: Function = get(&js_sys::global(), class).unchecked_into();
    Reflect::construct(&class, &list(arguments))
}

/// As [`call`], for a method that returns a promise.
pub async fn call_async(
    target: &JsValue,
    name: &str,
    arguments: &[JsValue],
) -> Result<JsValue, JsValue> {
    call_async_now(target, name, arguments)?.await
}

/// As [`call_async`], for a method that has to be called within an event.
pub fn call_async_now(
    target: &JsValue,
    name: &str,
    arguments: &[JsValue],
) -> Result<JsFuture, JsValue> {
    let promise: js_sys::Promise = call(target, name, arguments)?.unchecked_into();
    Ok(JsFuture::from(promise))
}
