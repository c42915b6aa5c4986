//! Memos and effects whose closures share a type: Leptos compiles its part again for each closure of its own type, a kilobyte a piece.

use leptos::prelude::*;

/// As [`Memo::new`], without the value before.
pub(crate) fn memo<T>(read: impl Fn() -> T + Send + Sync + 'static) -> Memo<T>
where
    T: PartialEq + Send + Sync + 'static,
{
    of(Box::new(read))
}

fn of<T>(read: Box<dyn Fn() -> T + Send + Sync>) -> Memo<T>
where
    T: PartialEq + Send + Sync + 'static,
{
    Memo::new(move |_| read())
}

/// As [`Effect::new`], without the value before.
pub(crate) fn effect(run: impl FnMut() + 'static) {
    follow(Box::new(run));
}

fn follow(mut run: Box<dyn FnMut()>) {
    Effect::new(move |_| run());
}
