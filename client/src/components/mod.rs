//! The pieces that pages are made of.

pub(crate) mod bar;
pub(crate) mod chosen;
pub(crate) mod compose;
pub(crate) mod controls;
pub(crate) mod copy;
pub(crate) mod entrance;
pub(crate) mod files;
pub(crate) mod filters;
pub(crate) mod histogram;
pub(crate) mod icon;
pub(crate) mod overlay;
pub(crate) mod part;
pub(crate) mod parts;
pub(crate) mod people;
pub(crate) mod picker;
pub(crate) mod player;
pub(crate) mod plot;
pub(crate) mod screen;
pub(crate) mod sound;
pub(crate) mod statistics;
pub(crate) mod talk;
pub(crate) mod trouble;
pub(crate) mod words;
