"""The report of a run of pictures from words: that of pictures, told in words of its own."""

from dataclasses import replace

from attngan.report import image

REPORT = replace(image.REPORT, template="text_to_image.html.j2")
