//! The choices of a publisher: what is sent, from which devices, how, and to which stream.

use leptos::prelude::*;

use super::publish_stage::{capture_button, turn_on};
use super::reactive::{no_view, reactive_text, reactive_view};
use super::switch::switch;
use crate::hooks::derived::memo;
use crate::hooks::language::Language;
use crate::hooks::publisher::Publisher;
use crate::i18n::format::bitrate;
use crate::i18n::publish::PublishText;
use crate::rtc::capture::{can_play_to_stream, has_display_media};
use crate::state::capture::{Quality, Source};
use crate::state::publish::PublishPhase;

type Label = fn(&'static PublishText) -> &'static str;

/// Sources, devices, quality.
pub(crate) fn capture_setup(publisher: Publisher, language: Language) -> AnyView {
    let all: [(Source, Label); 4] = [
        (Source::Camera, |own| own.camera_source),
        (Source::Microphone, |own| own.microphone_source),
        (Source::Screen, |own| own.screen_source),
        (Source::File, |own| own.file_source),
    ];
    let sources = all
        .into_iter()
        .filter(|(source, _)| match source {
            Source::Screen => has_display_media(),
            Source::File => can_play_to_stream(),
            _ => true,
        })
        .map(|(source, label)| source_choice(publisher, language, source, label))
        .collect_view();
    let source = memo(move || publisher.choice.with(|choice| choice.source));
    // Something else is on. While the browser asks, the button is over the picture.
    let is_other = memo(move || {
        let asks = publisher.phase.with(|phase| *phase == PublishPhase::Asking);
        let is_on = publisher.media.with(Option::is_some);
        is_on && !asks && source.get() != publisher.sent_source()
    });
    let change = reactive_view(move || match is_other.get() {
        true => capture_button(publisher, turn_on(publisher, language)),
        false => no_view(),
    });
    let more = reactive_view(move || match source.get() {
        Source::Camera => view! {
            {device_select(publisher, language, true)}
            {device_select(publisher, language, false)}
            {quality_select(publisher, language)}
        }
        .into_any(),
        Source::Microphone => device_select(publisher, language, false),
        Source::Screen => view! {
            {inset_choice(publisher, language)}
            {device_select(publisher, language, false)}
            {content_select(publisher, language)}
        }
        .into_any(),
        Source::File => {
            let hint = reactive_text(move || language.publish().file_hint.to_owned());
            view! { <p class="small quiet">{hint}</p> }.into_any()
        }
    });
    view! {
        <fieldset class="form plain">
            <legend class="group">{reactive_text(move || language.publish().source.to_owned())}</legend>
            {sources}
        </fieldset>
        {change}
        {more}
    }
    .into_any()
}

fn source_choice(
    publisher: Publisher,
    language: Language,
    source: Source,
    label: Label,
) -> AnyView {
    let chosen = move || publisher.choice.with(|choice| choice.source == source);
    let choose = move |_: web_sys::Event| {
        publisher.choice.update(|choice| choice.source = source);
        // Before it is live, a device is shown at once. What viewers see, a button changes; it opens the windows of the browser too.
        let is_live = publisher.phase.with_untracked(PublishPhase::is_publishing);
        let is_on = publisher.media.with_untracked(Option::is_some);
        let is_device = matches!(source, Source::Camera | Source::Microphone);
        if is_on && is_device && !is_live && untrack(|| publisher.sent_source()) != source {
            publisher.capture();
        }
    };
    view! {
        <label class="choice">
            <input type="radio" name="source" value=source.as_str() prop:checked=chosen on:change=choose />
            <span>{reactive_text(move || label(language.publish()).to_owned())}</span>
        </label>
    }
    .into_any()
}

/// The camera over the screen.
fn inset_choice(publisher: Publisher, language: Language) -> AnyView {
    let chosen = move || publisher.choice.with(|choice| choice.with_camera);
    let choose = move |on| publisher.choose_inset(on);
    let label = reactive_text(move || language.publish().with_camera.to_owned()).into_any();
    switch(
        "with-camera",
        true,
        Box::new(chosen),
        Box::new(choose),
        label,
    )
}

/// A list of choices. `chosen` and `choose` take the value of an option.
fn select(
    id: &'static str,
    language: Language,
    label: Label,
    options: impl Fn() -> Vec<(String, String)> + Send + Sync + 'static,
    chosen: impl Fn() -> String + Send + Sync + Copy + 'static,
    choose: impl Fn(String) + 'static,
) -> AnyView {
    let options: Memo<Vec<(String, String)>> = memo(options);
    let choose: Box<dyn Fn(String)> = Box::new(choose);
    let list = reactive_view(move || {
        let chosen = chosen();
        let option = |(value, name): (String, String)| {
            let selected = value == chosen;
            view! { <option value=value selected=selected>{name}</option> }.into_any()
        };
        let options = options.get().into_iter().map(option);
        options.collect::<Vec<_>>().into_any()
    });
    view! {
        <label>
            <span>{reactive_text(move || label(language.publish()).to_owned())}</span>
            <select id=id class="field" on:change=move |event| choose(event_target_value(&event))>{list}</select>
        </label>
    }
    .into_any()
}

/// Nothing before the devices are known.
fn device_select(publisher: Publisher, language: Language, is_camera: bool) -> AnyView {
    let known = memo(move || {
        publisher
            .devices
            .with(|devices| devices.iter().any(|device| device.is_camera == is_camera))
    });
    let options = move || {
        publisher.devices.with(|devices| {
            let same = devices
                .iter()
                .filter(|device| device.is_camera == is_camera);
            same.map(|device| (device.id.clone(), device.label.clone()))
                .collect()
        })
    };
    let chosen = move || {
        publisher.choice.with(|choice| match is_camera {
            true => choice.camera.clone(),
            false => choice.microphone.clone(),
        })
    };
    let shown = reactive_view(move || {
        let (id, label): (_, Label) = match is_camera {
            true => ("camera", |own| own.camera),
            false => ("microphone", |own| own.microphone),
        };
        match known.get() {
            true => select(id, language, label, options, chosen, move |id| {
                publisher.choose_device(is_camera, id)
            }),
            false => no_view(),
        }
    });
    view! { {shown} }.into_any()
}

fn quality_select(publisher: Publisher, language: Language) -> AnyView {
    let options = move || {
        let option = |quality: Quality| {
            let lines = quality.height();
            let (rate, unit) = bitrate(quality.max_bps().into());
            let rate = format!(
                "{} {unit}",
                rate.trim_end_matches('0').trim_end_matches('.')
            );
            let name = (language.publish().quality_of)(lines, &rate);
            (lines.to_string(), name)
        };
        Quality::ALL.map(option).to_vec()
    };
    let chosen = move || {
        publisher
            .choice
            .with(|choice| choice.quality.height().to_string())
    };
    let choose = move |lines: String| {
        let quality = Quality::ALL.into_iter();
        let quality = quality
            .into_iter()
            .find(|one| one.height().to_string() == lines);
        publisher
            .choice
            .update(|choice| choice.quality = quality.unwrap_or_default());
        publisher.capture_again();
    };
    select(
        "quality",
        language,
        |own| own.quality,
        options,
        chosen,
        choose,
    )
}

fn content_select(publisher: Publisher, language: Language) -> AnyView {
    let options = move || {
        let own = language.publish();
        let option = |value: &str, name: &str| (value.to_owned(), name.to_owned());
        vec![
            option("text", own.text_content),
            option("film", own.film_content),
        ]
    };
    let chosen = move || {
        let film = publisher.choice.with(|choice| choice.film);
        if film { "film" } else { "text" }.to_owned()
    };
    let choose = move |value: String| {
        publisher
            .choice
            .update(|choice| choice.film = value == "film");
        publisher.hint();
    };
    select(
        "content",
        language,
        |own| own.screen_content,
        options,
        chosen,
        choose,
    )
}

/// The stream and its key. Its button stands elsewhere.
pub(crate) fn target_form(publisher: Publisher, language: Language) -> AnyView {
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let ready = publisher.phase.with_untracked(|phase| {
            matches!(phase, PublishPhase::Preview | PublishPhase::Blocked(_))
        });
        if ready {
            publisher.go_live();
        }
    };
    view! {
        <form id="target" class="card form" on:submit=submit>
            <label>
                <span>{language.localized(|text| text.stream)}</span>
                <input
                    id="stream-name"
                    class="field"
                    type="text"
                    required
                    autocomplete="off"
                    autocapitalize="off"
                    spellcheck="false"
                    prop:value=publisher.name
                    on:input=move |event| publisher.name.set(event_target_value(&event))
                />
            </label>
            <label>
                <span>{reactive_text(move || language.publish().key.to_owned())}</span>
                <input
                    id="key"
                    class="field mono"
                    type="password"
                    required
                    autocomplete="off"
                    aria-describedby="key-hint"
                    prop:value=publisher.key
                    on:input=move |event| publisher.key.set(event_target_value(&event))
                />
            </label>
            <p class="small quiet" id="key-hint">{reactive_text(move || language.publish().key_hint.to_owned())}</p>
        </form>
    }
    .into_any()
}
