// Emoji by their shortcodes, as the characters that every system's own emoji font draws. Unknown names stay as text.

const TABLE =
  "grinning 😀 smiley 😃 smile 😄 grin 😁 laughing 😆 satisfied 😆 sweat_smile 😅 joy 😂 rolling_on_the_floor_laughing 🤣 " +
  "blush 😊 innocent 😇 slightly_smiling_face 🙂 upside_down_face 🙃 wink 😉 relieved 😌 heart_eyes 😍 kissing_heart 😘 " +
  "yum 😋 stuck_out_tongue 😛 zany_face 🤪 sunglasses 😎 star-struck 🤩 partying_face 🥳 smirk 😏 unamused 😒 disappointed 😞 " +
  "pensive 😔 worried 😟 confused 😕 slightly_frowning_face 🙁 persevere 😣 confounded 😖 tired_face 😫 weary 😩 cry 😢 sob 😭 " +
  "triumph 😤 angry 😠 rage 😡 exploding_head 🤯 flushed 😳 scream 😱 fearful 😨 cold_sweat 😰 hugging_face 🤗 " +
  "thinking_face 🤔 face_with_hand_over_mouth 🤭 shushing_face 🤫 zipper_mouth_face 🤐 neutral_face 😐 expressionless 😑 " +
  "no_mouth 😶 grimacing 😬 face_with_rolling_eyes 🙄 hushed 😯 sleeping 😴 sleepy 😪 dizzy_face 😵 nauseated_face 🤢 mask 😷 " +
  "face_with_thermometer 🤒 nerd_face 🤓 face_with_monocle 🧐 skull 💀 ghost 👻 alien 👽 robot_face 🤖 jack_o_lantern 🎃 " +
  "poop 💩 hankey 💩 see_no_evil 🙈 hear_no_evil 🙉 speak_no_evil 🙊 wave 👋 raised_hand ✋ hand ✋ ok_hand 👌 v ✌️ " +
  "crossed_fingers 🤞 point_left 👈 point_right 👉 point_up ☝️ point_up_2 👆 point_down 👇 +1 👍 thumbsup 👍 -1 👎 " +
  "thumbsdown 👎 fist ✊ facepunch 👊 clap 👏 raised_hands 🙌 open_hands 👐 handshake 🤝 pray 🙏 muscle 💪 writing_hand ✍️ " +
  "eyes 👀 eye 👁️ brain 🧠 bust_in_silhouette 👤 busts_in_silhouette 👥 man-shrugging 🤷‍♂️ woman-shrugging 🤷‍♀️ shrug 🤷 " +
  "facepalm 🤦 technologist 🧑‍💻 female-technologist 👩‍💻 male-technologist 👨‍💻 construction_worker 👷 guardsman 💂 " +
  "detective 🕵️ cop 👮 superhero 🦸 ninja 🥷 heart ❤️ orange_heart 🧡 yellow_heart 💛 green_heart 💚 blue_heart 💙 " +
  "purple_heart 💜 broken_heart 💔 sparkling_heart 💖 100 💯 anger 💢 boom 💥 collision 💥 dizzy 💫 sweat_drops 💦 dash 💨 " +
  "zzz 💤 speech_balloon 💬 thought_balloon 💭 left_speech_bubble 🗨️ dog 🐶 cat 🐱 fox_face 🦊 bear 🐻 panda_face 🐼 " +
  "penguin 🐧 bird 🐦 eagle 🦅 owl 🦉 snake 🐍 turtle 🐢 octopus 🐙 crab 🦀 whale 🐳 whale2 🐋 dolphin 🐬 fish 🐟 bug 🐛 ant 🐜 " +
  "bee 🐝 ladybug 🐞 spider 🕷️ snail 🐌 unicorn_face 🦄 dragon 🐉 t-rex 🦖 elephant 🐘 gopher 🐹 hamster 🐹 rabbit 🐰 sloth 🦥 " +
  "seedling 🌱 evergreen_tree 🌲 deciduous_tree 🌳 palm_tree 🌴 cactus 🌵 four_leaf_clover 🍀 maple_leaf 🍁 fallen_leaf 🍂 " +
  "sunflower 🌻 rose 🌹 cherry_blossom 🌸 bouquet 💐 mushroom 🍄 sunny ☀️ partly_sunny ⛅ cloud ☁️ rain_cloud 🌧️ " +
  "thunder_cloud_and_rain ⛈️ snowflake ❄️ snowman ⛄ fire 🔥 droplet 💧 ocean 🌊 zap ⚡ rainbow 🌈 star ⭐ star2 🌟 " +
  "sparkles ✨ crescent_moon 🌙 full_moon 🌕 earth_africa 🌍 earth_americas 🌎 earth_asia 🌏 globe_with_meridians 🌐 " +
  "volcano 🌋 umbrella ☔ fog 🌫️ tornado 🌪️ apple 🍎 banana 🍌 lemon 🍋 avocado 🥑 pizza 🍕 hamburger 🍔 taco 🌮 cookie 🍪 " +
  "cake 🍰 birthday 🎂 doughnut 🍩 coffee ☕ tea 🍵 beer 🍺 beers 🍻 wine_glass 🍷 champagne 🍾 clinking_glasses 🥂 popcorn 🍿 " +
  "salt 🧂 tada 🎉 confetti_ball 🎊 balloon 🎈 gift 🎁 trophy 🏆 medal 🏅 first_place_medal 🥇 second_place_medal 🥈 " +
  "third_place_medal 🥉 soccer ⚽ basketball 🏀 dart 🎯 8ball 🎱 game_die 🎲 video_game 🎮 jigsaw 🧩 art 🎨 performing_arts 🎭 " +
  "musical_note 🎵 headphones 🎧 guitar 🎸 microphone 🎤 rocket 🚀 airplane ✈️ airplane_departure 🛫 airplane_arriving 🛬 " +
  "flying_saucer 🛸 satellite 📡 ship 🚢 sailboat ⛵ boat ⛵ anchor ⚓ motor_boat 🛥️ car 🚗 taxi 🚕 bus 🚌 truck 🚚 " +
  "articulated_lorry 🚛 tractor 🚜 bike 🚲 train 🚋 bullettrain_side 🚄 helicopter 🚁 traffic_light 🚥 " +
  "vertical_traffic_light 🚦 construction 🚧 fuelpump ⛽ rotating_light 🚨 railway_car 🚃 parachute 🪂 bellhop_bell 🛎️ " +
  "house 🏠 office 🏢 factory 🏭 hospital 🏥 bank 🏦 stadium 🏟️ tent ⛺ world_map 🗺️ compass 🧭 stopwatch ⏱️ timer_clock ⏲️ " +
  "alarm_clock ⏰ watch ⌚ hourglass ⌛ hourglass_flowing_sand ⏳ clock1 🕐 clock3 🕒 clock6 🕕 clock9 🕘 clock12 🕛 " +
  "mantelpiece_clock 🕰️ calendar 📆 date 📅 spiral_calendar_pad 🗓️ iphone 📱 computer 💻 desktop_computer 🖥️ keyboard ⌨️ " +
  "printer 🖨️ floppy_disk 💾 cd 💿 minidisc 💽 battery 🔋 electric_plug 🔌 bulb 💡 flashlight 🔦 candle 🕯️ moneybag 💰 " +
  "dollar 💵 credit_card 💳 gem 💎 scales ⚖️ toolbox 🧰 wrench 🔧 hammer 🔨 hammer_and_wrench 🛠️ nut_and_bolt 🔩 gear ⚙️ " +
  "brick 🧱 chains ⛓️ magnet 🧲 gun 🔫 bomb 💣 firecracker 🧨 hocho 🔪 shield 🛡️ test_tube 🧪 petri_dish 🧫 dna 🧬 " +
  "microscope 🔬 telescope 🔭 satellite_antenna 📡 syringe 💉 pill 💊 stethoscope 🩺 thermometer 🌡️ broom 🧹 basket 🧺 " +
  "roll_of_paper 🧻 fire_extinguisher 🧯 shopping_trolley 🛒 key 🔑 old_key 🗝️ lock 🔒 unlock 🔓 closed_lock_with_key 🔐 " +
  "lock_with_ink_pen 🔏 door 🚪 package 📦 mailbox 📫 inbox_tray 📥 outbox_tray 📤 email 📧 e-mail 📧 envelope ✉️ " +
  "love_letter 💌 postbox 📮 ballot_box_with_ballot 🗳️ pencil 📝 memo 📝 pencil2 ✏️ black_nib ✒️ crayon 🖍️ file_folder 📁 " +
  "open_file_folder 📂 card_index_dividers 🗂️ card_file_box 🗃️ file_cabinet 🗄️ wastebasket 🗑️ clipboard 📋 pushpin 📌 " +
  "round_pushpin 📍 paperclip 📎 link 🔗 triangular_ruler 📐 straight_ruler 📏 scissors ✂️ page_facing_up 📄 " +
  "page_with_curl 📃 scroll 📜 bookmark_tabs 📑 bookmark 🔖 label 🏷️ receipt 🧾 bar_chart 📊 chart_with_upwards_trend 📈 " +
  "chart_with_downwards_trend 📉 ledger 📒 notebook 📓 books 📚 book 📖 newspaper 📰 bell 🔔 no_bell 🔕 mega 📣 loudspeaker 📢 " +
  "speaker 🔈 mute 🔇 mag 🔍 mag_right 🔎 camera 📷 movie_camera 🎥 tv 📺 radio 📻 crystal_ball 🔮 magic_wand 🪄 yarn 🧶 " +
  "thread 🧵 lifebuoy 🛟 ladder 🪜 hook 🪝 mirror 🪞 abacus 🧮 white_check_mark ✅ heavy_check_mark ✔️ " +
  "ballot_box_with_check ☑️ x ❌ heavy_multiplication_x ✖️ negative_squared_cross_mark ❎ warning ⚠️ no_entry ⛔ " +
  "no_entry_sign 🚫 octagonal_sign 🛑 stop_sign 🛑 name_badge 📛 o ⭕ question ❓ grey_question ❔ exclamation ❗ " +
  "heavy_exclamation_mark ❗ grey_exclamation ❕ bangbang ‼️ interrobang ⁉️ information_source ℹ️ recycle ♻️ " +
  "arrows_counterclockwise 🔄 arrows_clockwise 🔃 repeat 🔁 repeat_one 🔂 twisted_rightwards_arrows 🔀 " +
  "leftwards_arrow_with_hook ↩️ arrow_right_hook ↪️ arrow_forward ▶️ arrow_backward ◀️ fast_forward ⏩ rewind ⏪ " +
  "arrow_double_up ⏫ arrow_double_down ⏬ arrow_up_small 🔼 arrow_down_small 🔽 double_vertical_bar ⏸️ pause_button ⏸️ " +
  "black_square_for_stop ⏹️ stop_button ⏹️ black_circle_for_record ⏺️ " +
  "black_right_pointing_double_triangle_with_vertical_bar ⏭️ next_track_button ⏭️ eject ⏏️ arrow_up ⬆️ arrow_down ⬇️ " +
  "arrow_left ⬅️ arrow_right ➡️ arrow_upper_right ↗️ arrow_lower_right ↘️ arrow_up_down ↕️ left_right_arrow ↔️ " +
  "arrow_heading_up ⤴️ arrow_heading_down ⤵️ back 🔙 end 🔚 on 🔛 soon 🔜 top 🔝 new 🆕 ok 🆗 cool 🆒 free 🆓 up 🆙 sos 🆘 id 🆔 " +
  "heavy_plus_sign ➕ heavy_minus_sign ➖ heavy_division_sign ➗ infinity ♾️ tm ™️ copyright ©️ registered ®️ hash #️⃣ " +
  "zero 0️⃣ one 1️⃣ two 2️⃣ three 3️⃣ four 4️⃣ five 5️⃣ six 6️⃣ seven 7️⃣ eight 8️⃣ nine 9️⃣ keycap_ten 🔟 1234 🔢 " +
  "abc 🔤 radioactive_sign ☢️ biohazard_sign ☣️ atom_symbol ⚛️ children_crossing 🚸 no_pedestrians 🚷 do_not_litter 🚯 " +
  "red_circle 🔴 large_red_circle 🔴 orange_circle 🟠 large_orange_circle 🟠 yellow_circle 🟡 large_yellow_circle 🟡 " +
  "green_circle 🟢 large_green_circle 🟢 large_blue_circle 🔵 blue_circle 🔵 large_purple_circle 🟣 purple_circle 🟣 " +
  "brown_circle 🟤 large_brown_circle 🟤 black_circle ⚫ white_circle ⚪ red_square 🟥 large_red_square 🟥 orange_square 🟧 " +
  "large_orange_square 🟧 yellow_square 🟨 large_yellow_square 🟨 green_square 🟩 large_green_square 🟩 blue_square 🟦 " +
  "large_blue_square 🟦 purple_square 🟪 large_purple_square 🟪 black_large_square ⬛ white_large_square ⬜ " +
  "black_medium_square ◼️ white_medium_square ◻️ black_small_square ▪️ white_small_square ▫️ large_orange_diamond 🔶 " +
  "large_blue_diamond 🔷 small_orange_diamond 🔸 small_blue_diamond 🔹 small_red_triangle 🔺 small_red_triangle_down 🔻 " +
  "diamond_shape_with_a_dot_inside 💠 radio_button 🔘 white_square_button 🔳 black_square_button 🔲 checkered_flag 🏁 " +
  "triangular_flag_on_post 🚩 waving_white_flag 🏳️ waving_black_flag 🏴 pirate_flag 🏴‍☠️ crossed_flags 🎌 " +
  "wheel_of_dharma ☸️ trident 🔱 fleur_de_lis ⚜️ beginner 🔰 ice_cube 🧊 goal_net 🥅 ring_buoy 🛟 egg 🥚 hatching_chick 🐣 " +
  "hatched_chick 🐥 baby_chick 🐤";

const WORDS = TABLE.split(" ");
const BY_NAME = new Map();
for (let at = 0; at + 1 < WORDS.length; at += 2) BY_NAME.set(WORDS[at], WORDS[at + 1]);

const TONES = ["", "", "\u{1F3FB}", "\u{1F3FC}", "\u{1F3FD}", "\u{1F3FE}", "\u{1F3FF}"];

/** The character of `name` ("rocket"), with Slack's skin tone 2..6 where given, or "". */
export function emojiOf(name, tone = "") {
  const char = BY_NAME.get(name);
  if (!char) return "";
  return tone ? char.replace("\uFE0F", "") + TONES[Number(tone)] : char;
}

/** Up to `limit` [name, character] whose names start with `prefix`, then those that hold it. */
export function findEmoji(prefix, limit = 8) {
  const names = [...BY_NAME.keys()];
  const starts = names.filter((name) => name.startsWith(prefix));
  const holds = names.filter((name) => !name.startsWith(prefix) && name.includes(prefix));
  return [...starts, ...holds].slice(0, limit).map((name) => [name, BY_NAME.get(name)]);
}
