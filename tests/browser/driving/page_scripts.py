"""Scripts that read Label Studio's task page: its store, and places on the screen."""

POLL_MS = 100
"""Between two looks at what takes long. Without it the page is looked at, and drawn, at every frame of the screen."""

READY = "() => window.Htx?.annotationStore?.selected?.names?.size > 0"
REGIONS = "() => window.Htx.annotationStore.selected.serializeAnnotation()"
IDLE = "() => !window.Htx.awaitingSuggestions"
PLACE = """([tag, x, y]) => {
  const image = window.Htx.annotationStore.selected.names.get(tag);
  const stage = image.stageRef.container().getBoundingClientRect();
  const zoom = image.zoomScale;
  return [stage.left + image.alignmentOffset.x + image.zoomingPositionX + image.stageWidth * zoom * x / 100,
          stage.top + image.alignmentOffset.y + image.zoomingPositionY + image.stageHeight * zoom * y / 100];
}"""
PLACE_ON_VIDEO = """([x, y]) => {
  const stages = [...document.querySelectorAll('.konvajs-content')];
  const area = stages.map(stage => stage.getBoundingClientRect()).sort((a, b) => b.height - a.height)[0];
  const video = document.querySelector('video');
  const scale = Math.min(1, area.width / video.videoWidth, area.height / video.videoHeight);
  const [width, height] = [video.videoWidth * scale, video.videoHeight * scale];
  return [area.left + (area.width - width) / 2 + width * x / 100,
          area.top + (area.height - height) / 2 + height * y / 100];
}"""
VIDEO_AT_REST = """() => {
  const [video, stage] = [document.querySelector('video'), document.querySelector('.konvajs-content')];
  const isThere = video?.readyState >= 2 && video.videoWidth && stage?.getBoundingClientRect().height;
  const place = isThere ? JSON.stringify(stage.getBoundingClientRect()) : '';
  const earlier = window.videoAtRest;
  if (!isThere || earlier?.video !== video || earlier.place !== place) {
    window.videoAtRest = {video, place, sinceMs: performance.now()};
    return false;
  }
  return performance.now() - earlier.sinceMs > 1000;
}"""
PAGE = "(tag) => window.Htx.annotationStore.selected.names.get(tag).currentImage"
HAS_PICTURE = "(tag) => !!window.Htx.annotationStore.selected.names.get(tag)?.currentImageEntity"
PICTURE_AT_REST = """(tag) => {
  const annotation = window.Htx.annotationStore.selected, image = annotation.names.get(tag);
  const stage = image.currentImageEntity.imageLoaded && !annotation.history.isFrozen && image.stageRef?.container();
  const boxes = stage ? [image.containerRef, stage].map(element => element.getBoundingClientRect()) : [];
  const place = stage ? JSON.stringify([annotation.id, image.currentImage, boxes]) : '';
  const earlier = window.pictureAtRest;
  if (stage && earlier?.place === place) return earlier.atRest;
  const noted = window.pictureAtRest = {place, atRest: false};
  const turns = async () => {  // longer than the page's own after a change of size: a timer, a frame, a timer
    for (let turn = 0; turn < 2; turn++) {
      await new Promise(done => setTimeout(done, 100));
      await new Promise(requestAnimationFrame);
    }
    await new Promise(done => setTimeout(done, 0));
    noted.atRest = true;
  };
  if (stage) turns();
  return false;
}"""
IS_SELECTED = """(id) => {
  const {selectedRegions} = window.Htx.annotationStore.selected;
  return selectedRegions.length === 1 && selectedRegions[0].cleanId === id;
}"""
IS_ONE_SELECTED_HERE = """(tag) => {
  const {names, selectedRegions} = window.Htx.annotationStore.selected;
  const page = names.get(tag).currentImage ?? 0;
  return selectedRegions.length === 1 && (selectedRegions[0].item_index ?? 0) === page;
}"""
HAS_NO_LABEL = "() => window.Htx.annotationStore.selected.selectedRegions[0]?.labels.length === 0"
