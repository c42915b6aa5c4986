//! Memos and effects with boxed closures: Leptos is compiled again for each closure type. Without these two the watch page is 3.7 kB larger on the
//! wire (319.4 kB of module instead of 315.7).

use leptos::prelude::*;

/// As [`Memo::new`], without the previous value.
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

/// As [`Effect::new`], without the previous value.
pub(crate) fn effect(run: impl FnMut() + 'static) {
    follow(Box::new(run));
}

fn follow(mut run: Box<dyn FnMut()>) {
    Effect::new(move |_| run());
}
