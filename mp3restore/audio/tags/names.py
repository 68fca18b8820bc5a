"""Names of the same thing in every format.

They are those of MusicBrainz Picard (https://picard-docs.musicbrainz.org/en/appendices/tag_mapping.html), and those of
TagLib where Picard has none.
"""

from __future__ import annotations

__all__ = [
    "APE",
    "ASF",
    "DESCRIPTIONS",
    "DESCRIPTION_OF",
    "FRAMES",
    "FRAME_OF",
    "MP4",
    "NUMBERS",
    "RIFF",
    "ROLES",
    "STALE_FRAMES",
    "URLS",
    "described",
]

FRAMES = {
    "GRP1": "GROUPING", "MVNM": "MOVEMENTNAME", "TALB": "ALBUM", "TBPM": "BPM", "TCAT": "PODCASTCATEGORY",
    "TCMP": "COMPILATION", "TCOM": "COMPOSER", "TCON": "GENRE", "TCOP": "COPYRIGHT", "TDES": "PODCASTDESC",
    "TDLY": "PLAYLISTDELAY", "TDOR": "ORIGINALDATE", "TDRC": "DATE", "TDRL": "RELEASEDATE", "TDTG": "TAGGINGDATE",
    "TEXT": "LYRICIST", "TGID": "PODCASTID", "TIT1": "GROUPING", "TIT2": "TITLE", "TIT3": "SUBTITLE", "TKEY": "KEY",
    "TKWD": "PODCASTKEYWORDS", "TLAN": "LANGUAGE", "TMED": "MEDIA", "TMOO": "MOOD", "TOAL": "ORIGINALALBUM",
    "TOFN": "ORIGINALFILENAME", "TOLY": "ORIGINALLYRICIST", "TOPE": "ORIGINALARTIST", "TOWN": "OWNER",
    "TPE1": "ARTIST", "TPE2": "ALBUMARTIST", "TPE3": "CONDUCTOR", "TPE4": "REMIXER", "TPRO": "PRODUCEDNOTICE",
    "TPUB": "LABEL", "TRSN": "RADIOSTATION", "TRSO": "RADIOSTATIONOWNER", "TSO2": "ALBUMARTISTSORT",
    "TSOA": "ALBUMSORT", "TSOC": "COMPOSERSORT", "TSOP": "ARTISTSORT", "TSOT": "TITLESORT", "TSRC": "ISRC",
    "TSST": "DISCSUBTITLE",
}  # fmt: skip
FRAME_OF = {name: frame for frame, name in FRAMES.items() if frame != "GRP1"}

NUMBERS = {
    "TRCK": ("TRACKNUMBER", "TRACKTOTAL"), "TPOS": ("DISCNUMBER", "DISCTOTAL"), "MVIN": ("MOVEMENT", "MOVEMENTTOTAL"),
}  # fmt: skip
"""Numbers that ID3 writes as "3/12"."""

URLS = {
    "WCOM": "COMMERCIALURL", "WCOP": "LICENSE", "WFED": "PODCASTURL", "WOAF": "FILEWEBPAGE", "WOAR": "WEBSITE",
    "WOAS": "AUDIOSOURCEWEBPAGE", "WORS": "RADIOSTATIONWEBPAGE", "WPAY": "PAYMENTWEBPAGE", "WPUB": "PUBLISHERWEBPAGE",
}  # fmt: skip

ROLES = {"ARRANGER": "ARRANGER", "ENGINEER": "ENGINEER", "PRODUCER": "PRODUCER", "MIX": "MIXER", "DJ-MIX": "DJMIXER"}
"""Roles of TIPL that have comments of their own."""

DESCRIPTION_OF = {
    "ACOUSTID_FINGERPRINT": "Acoustid Fingerprint",
    "ACOUSTID_ID": "Acoustid Id",
    "FINGERPRINT": "MusicMagic Fingerprint",
    "MUSICBRAINZ_ALBUMARTISTID": "MusicBrainz Album Artist Id",
    "MUSICBRAINZ_ALBUMID": "MusicBrainz Album Id",
    "MUSICBRAINZ_ARTISTID": "MusicBrainz Artist Id",
    "MUSICBRAINZ_DISCID": "MusicBrainz Disc Id",
    "MUSICBRAINZ_ORIGINALALBUMID": "MusicBrainz Original Album Id",
    "MUSICBRAINZ_ORIGINALARTISTID": "MusicBrainz Original Artist Id",
    "MUSICBRAINZ_RELEASEGROUPID": "MusicBrainz Release Group Id",
    "MUSICBRAINZ_RELEASETRACKID": "MusicBrainz Release Track Id",
    "MUSICBRAINZ_TRMID": "MusicBrainz TRM Id",
    "MUSICBRAINZ_WORKID": "MusicBrainz Work Id",
    "MUSICIP_PUID": "MusicIP PUID",
    "RELEASECOUNTRY": "MusicBrainz Album Release Country",
    "RELEASESTATUS": "MusicBrainz Album Status",
    "RELEASETYPE": "MusicBrainz Album Type",
}
"""Descriptions of TXXX frames, and of free-form atoms of MP4."""
DESCRIPTIONS = {description.upper(): name for name, description in DESCRIPTION_OF.items()} | {
    "MUSICBRAINZ TRACK ID": "MUSICBRAINZ_TRACKID"
}

STALE_FRAMES = frozenset(
    ["AENC", "ASPI", "ENCR", "EQU2", "GRID", "MLLT", "POSS", "RBUF", "RVA2", "RVAD", "SEEK", "SIGN", "TDEN", "TENC",
     "TFLT", "TLEN", "TSIZ", "TSSE", "XRVA"]
)  # fmt: skip
"""Frames of the encoder, the bitstream, or the loudness of the input, which the result has not."""

APE = {
    "TRACK": "TRACKNUMBER", "DISC": "DISCNUMBER", "YEAR": "DATE", "ALBUM ARTIST": "ALBUMARTIST", "PUBLISHER": "LABEL",
    "MIXARTIST": "REMIXER", "RECORD DATE": "RECORDDATE", "RELATED": "WEBSITE", "FILE": "FILEWEBPAGE",
}  # fmt: skip

MP4 = {
    "\xa9nam": "TITLE", "\xa9alb": "ALBUM", "\xa9ART": "ARTIST", "aART": "ALBUMARTIST", "\xa9wrt": "COMPOSER",
    "\xa9cmt": "COMMENT", "\xa9day": "DATE", "\xa9gen": "GENRE", "cprt": "COPYRIGHT", "\xa9cpy": "COPYRIGHT",
    "\xa9grp": "GROUPING", "\xa9lyr": "LYRICS", "tmpo": "BPM", "cpil": "COMPILATION", "sonm": "TITLESORT",
    "soal": "ALBUMSORT", "soar": "ARTISTSORT", "soaa": "ALBUMARTISTSORT", "soco": "COMPOSERSORT",
    "\xa9mvn": "MOVEMENTNAME", "\xa9mvi": "MOVEMENT", "\xa9mvc": "MOVEMENTTOTAL", "shwm": "SHOWMOVEMENT",
    "\xa9wrk": "WORK", "\xa9con": "CONDUCTOR", "\xa9dir": "DIRECTOR", "\xa9pub": "LABEL", "\xa9prd": "PRODUCER",
    "\xa9prf": "PERFORMER", "\xa9arg": "ARRANGER", "\xa9des": "DESCRIPTION", "desc": "DESCRIPTION",
    "ldes": "LONGDESCRIPTION", "purl": "PODCASTURL", "egid": "PODCASTID", "catg": "PODCASTCATEGORY",
    "keyw": "PODCASTKEYWORDS", "pcst": "PODCAST", "tvsh": "TVSHOW", "sosn": "TVSHOWSORT", "tven": "TVEPISODEID",
    "tves": "TVEPISODE", "tvsn": "TVSEASON", "tvnn": "TVNETWORK",
}  # fmt: skip

ASF = {
    "Title": "TITLE", "Author": "ARTIST", "Copyright": "COPYRIGHT", "Description": "COMMENT",
    "WM/AlbumTitle": "ALBUM", "WM/AlbumArtist": "ALBUMARTIST", "WM/AlbumArtistSortOrder": "ALBUMARTISTSORT",
    "WM/AlbumSortOrder": "ALBUMSORT", "WM/ARTISTS": "ARTISTS", "WM/ArtistSortOrder": "ARTISTSORT",
    "WM/AuthorURL": "WEBSITE", "WM/Barcode": "BARCODE", "WM/BeatsPerMinute": "BPM", "WM/CatalogNo": "CATALOGNUMBER",
    "WM/Comments": "COMMENT", "WM/Composer": "COMPOSER", "WM/ComposerSortOrder": "COMPOSERSORT",
    "WM/Conductor": "CONDUCTOR", "WM/ContentGroupDescription": "GROUPING", "WM/Director": "DIRECTOR",
    "WM/DJMixer": "DJMIXER", "WM/Engineer": "ENGINEER", "WM/Genre": "GENRE", "WM/InitialKey": "KEY",
    "WM/IsCompilation": "COMPILATION", "WM/ISRC": "ISRC", "WM/Language": "LANGUAGE", "WM/Lyrics": "LYRICS",
    "WM/Media": "MEDIA", "WM/Mixer": "MIXER", "WM/ModifiedBy": "REMIXER", "WM/Mood": "MOOD",
    "WM/OriginalAlbumTitle": "ORIGINALALBUM", "WM/OriginalArtist": "ORIGINALARTIST",
    "WM/OriginalFilename": "ORIGINALFILENAME", "WM/OriginalLyricist": "ORIGINALLYRICIST",
    "WM/OriginalReleaseTime": "ORIGINALDATE", "WM/OriginalReleaseYear": "ORIGINALYEAR",
    "WM/PartOfSet": "DISCNUMBER", "WM/Producer": "PRODUCER", "WM/Publisher": "LABEL", "WM/Script": "SCRIPT",
    "WM/SetSubTitle": "DISCSUBTITLE", "WM/SharedUserRating": "RATING", "WM/SubTitle": "SUBTITLE",
    "WM/TitleSortOrder": "TITLESORT", "WM/TrackNumber": "TRACKNUMBER", "WM/Work": "WORK", "WM/Writer": "LYRICIST",
    "WM/Year": "DATE",
}  # fmt: skip

RIFF = {
    "INAM": "TITLE", "IART": "ARTIST", "IPRD": "ALBUM", "ICMT": "COMMENT", "ICRD": "DATE", "IGNR": "GENRE",
    "ICOP": "COPYRIGHT", "IENG": "ENGINEER", "ITRK": "TRACKNUMBER", "IPRT": "TRACKNUMBER", "TRCK": "TRACKNUMBER",
    "ISBJ": "SUBJECT", "IKEY": "KEYWORDS", "IMED": "MEDIA", "ILNG": "LANGUAGE", "IMUS": "COMPOSER",
    "IWRI": "LYRICIST", "IPRO": "PRODUCER", "ISRC": "SOURCE", "IURL": "WEBSITE", "IBPM": "BPM",
}  # fmt: skip


def described(name: str) -> str:
    """Name of the comment for a description that a user or a program has chosen."""
    return DESCRIPTIONS.get(name.upper(), name)
